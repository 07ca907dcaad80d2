-- What directory never does with its tables, taken from it.
REVOKE UPDATE, DELETE ON issuer_key FROM ringline_directory;
REVOKE UPDATE ON recovery_code FROM ringline_directory;
REVOKE DELETE ON account, identity, name FROM ringline_directory;
