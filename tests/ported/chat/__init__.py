"""chat.*"""
