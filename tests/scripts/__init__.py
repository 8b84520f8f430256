"""What keeps the generated docs true."""
