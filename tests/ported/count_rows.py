"""count_rows: the database under the connection"""


def invoke(handler, parameters):
    with handler.db_connection.db.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM toto_django_account")
        return cursor.fetchone()[0]
