"""math.*"""
