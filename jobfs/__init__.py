"""jobfs: a studio's database as the folder tree its photographers see over SFTP."""

__version__ = "0.1.0"
