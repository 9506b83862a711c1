# Accounts and sessions.

import toto_django.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('user_id', toto_django.models.ExactCharField(max_length=191, unique=True, verbose_name='user ID')),
                ('is_active', models.BooleanField(default=True, help_text='An inactive account cannot log in; its sessions have ended.', verbose_name='active')),
                ('properties', toto_django.models.PropertiesField(blank=True, default=dict, verbose_name='properties')),
                ('created', models.DateTimeField(auto_now_add=True, verbose_name='created')),
            ],
            options={
                'verbose_name': 'account',
                'verbose_name_plural': 'accounts',
            },
        ),
        migrations.CreateModel(
            name='AccountProperties',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account_pk', toto_django.models.ExactCharField(max_length=191, unique=True)),
                ('properties', toto_django.models.PropertiesField(default=dict, verbose_name='properties')),
            ],
            options={
                'verbose_name': 'account properties',
                'verbose_name_plural': 'account properties',
            },
        ),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('id_hash', models.CharField(editable=False, max_length=64, primary_key=True, serialize=False)),
                ('user_id', toto_django.models.ExactCharField(blank=True, db_index=True, max_length=191, verbose_name='user ID')),
                ('expires', models.FloatField(db_index=True, verbose_name='expires (Unix seconds)')),
                ('state', models.BinaryField(blank=True, default=b'', verbose_name='state')),
                ('version', models.PositiveBigIntegerField(default=0)),
                ('created', models.DateTimeField(auto_now_add=True, verbose_name='created')),
            ],
            options={
                'verbose_name': 'session',
                'verbose_name_plural': 'sessions',
            },
        ),
    ]
