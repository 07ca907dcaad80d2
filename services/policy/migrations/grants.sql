-- What policy never does with its tables, taken from it: what was decided, shown and done is never changed.
-- (A new version of entitlements locks the table of versions, for which one of UPDATE and DELETE is needed.)
REVOKE UPDATE ON audit, kept_verdict, entitlement_version FROM ringline_policy;
REVOKE UPDATE, DELETE ON evidence, entitlement FROM ringline_policy;
