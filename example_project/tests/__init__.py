"""``manage.py test example_project``"""
