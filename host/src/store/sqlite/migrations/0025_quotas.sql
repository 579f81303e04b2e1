-- Quotas that were set; the others have their defaults. The owner 0 is the company.
CREATE TABLE quotas (
    owner INTEGER NOT NULL,
    quota TEXT NOT NULL,
    value INTEGER NOT NULL CONSTRAINT quota_value CHECK (value >= 0),
    CONSTRAINT quota_of_owner PRIMARY KEY (owner, quota)
) STRICT, WITHOUT ROWID;
