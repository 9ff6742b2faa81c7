-- The link that lets whoever has it make the first account: one at a time, of use only while there is no account.
CREATE TABLE set_up_links (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    hash       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Who an account is at an OpenID provider, for each tenant that the provider speaks for. Such an account has no password: its
-- `password_hash` is empty. `claims` is what the provider signed at the latest sign-in, as far as it is read.
CREATE TABLE identities (
    account      TEXT   NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    provider     TEXT   NOT NULL, -- the name of the `[[issuer]]`
    iss          TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    tenant       TEXT   NOT NULL,
    shown        TEXT   NOT NULL, -- what people know the person by
    claims       TEXT   NOT NULL,
    signed_in_at BIGINT NOT NULL,
    UNIQUE (iss, subject, tenant)
);

-- A browser that was sent to a provider and has not come back. Good once, in that browser, for that provider.
CREATE TABLE departures (
    hash       TEXT   NOT NULL PRIMARY KEY,
    session    TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    request    TEXT   NOT NULL REFERENCES requests (hash) ON DELETE CASCADE ON UPDATE CASCADE,
    provider   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX departures_by_session ON departures (session);
CREATE INDEX departures_by_request ON departures (request);

-- What the provider had signed when the person consented: tokens of the grant stand for that, whatever it signs later.
ALTER TABLE grants ADD COLUMN provider TEXT;
ALTER TABLE grants ADD COLUMN claims TEXT;

-- Whether the client is a platform that may say which person it works for.
ALTER TABLE clients ADD COLUMN asserts_users BOOLEAN NOT NULL DEFAULT FALSE;
