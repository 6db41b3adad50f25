"""The store: ClickHouse, embedded (chDB) or on servers."""
