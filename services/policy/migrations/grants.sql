-- What policy never does with its tables, taken from it: what was decided, shown and done is never changed.
REVOKE UPDATE ON audit, kept_verdict FROM ringline_policy;
REVOKE UPDATE, DELETE ON evidence, entitlement, entitlement_version FROM ringline_policy;
