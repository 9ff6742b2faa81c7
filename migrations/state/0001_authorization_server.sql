-- The state of the authorization server. Times are microseconds since 1970; what is called `hash` is the SHA-256 of a
-- secret as base64url, and the secret is nowhere; lists are texts whose words blanks separate.

-- One row, changed in the same transaction as everything that a running server must notice: revoked, disabled, rotated.
CREATE TABLE epoch (
    id    BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    value BIGINT NOT NULL
);
INSERT INTO epoch (id, value) VALUES (1, 1);

-- What the operator changed and the server has not yet put into the audit trail; `number` is the epoch of the change.
CREATE TABLE announcements (
    number BIGINT NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL,
    kind   TEXT   NOT NULL,
    detail TEXT   NOT NULL
);

CREATE TABLE clients (
    id            TEXT   NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    uri           TEXT,
    origin        TEXT   NOT NULL, -- command_line, configuration, registration
    auth_method   TEXT   NOT NULL,
    secret_hash   TEXT,
    grant_types   TEXT   NOT NULL,
    scopes        TEXT   NOT NULL,
    redirect_uris TEXT   NOT NULL,
    reach         TEXT   NOT NULL, -- tenants, or `*`
    created_at    BIGINT NOT NULL,
    used_at       BIGINT,
    disabled_at   BIGINT
);
CREATE INDEX clients_by_origin ON clients (origin);

CREATE TABLE accounts (
    id              TEXT   NOT NULL PRIMARY KEY,
    login           TEXT   NOT NULL UNIQUE,
    tenant          TEXT   NOT NULL,
    external_user   TEXT,
    password_hash   TEXT   NOT NULL, -- PHC string of argon2id
    created_at      BIGINT NOT NULL,
    password_set_at BIGINT NOT NULL,
    disabled_at     BIGINT
);

-- A browser, before and after somebody signed in there.
CREATE TABLE sessions (
    id           TEXT   NOT NULL PRIMARY KEY,
    hash         TEXT   NOT NULL UNIQUE,
    account      TEXT   REFERENCES accounts (id) ON DELETE CASCADE,
    created_at   BIGINT NOT NULL,
    signed_in_at BIGINT,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX sessions_by_account ON sessions (account);

-- An authorization request that waits for a person. Only the browser that opened it can decide it, once.
CREATE TABLE requests (
    hash              TEXT    NOT NULL PRIMARY KEY,
    session           TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    client            TEXT    NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    redirect_uri      TEXT    NOT NULL,
    redirect_uri_sent BOOLEAN NOT NULL,
    resource          TEXT    NOT NULL,
    scopes            TEXT    NOT NULL,
    state             TEXT,
    challenge         TEXT    NOT NULL,
    created_at        BIGINT  NOT NULL,
    expires_at        BIGINT  NOT NULL,
    decided_at        BIGINT
);
CREATE INDEX requests_by_session ON requests (session);
CREATE INDEX requests_by_client ON requests (client);

-- What one account allowed one client: the family of every code and token that came of it. It outlives its client and its
-- account, because tokens do.
CREATE TABLE grants (
    id            TEXT   NOT NULL PRIMARY KEY,
    client        TEXT   NOT NULL,
    account       TEXT   NOT NULL,
    tenant        TEXT   NOT NULL,
    external_user TEXT,
    redirect_uri  TEXT   NOT NULL,
    resource      TEXT   NOT NULL,
    scopes        TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL, -- the end that no rotation moves
    exchanged_at  BIGINT,
    revoked_at    BIGINT,
    revoked_for   TEXT
);
CREATE INDEX grants_by_client ON grants (client);
CREATE INDEX grants_by_account ON grants (account);
CREATE INDEX grants_by_revocation ON grants (revoked_at);
CREATE INDEX grants_by_expiry ON grants (expires_at);

CREATE TABLE codes (
    hash              TEXT    NOT NULL PRIMARY KEY,
    grant_id          TEXT    NOT NULL UNIQUE REFERENCES grants (id) ON DELETE CASCADE,
    challenge         TEXT    NOT NULL,
    redirect_uri_sent BOOLEAN NOT NULL,
    created_at        BIGINT  NOT NULL,
    expires_at        BIGINT  NOT NULL,
    spent_at          BIGINT
);

-- A generation has one row, so a grant has one lineage. `salt` makes the successor out of the token; it is forgotten when the
-- successor itself is spent.
CREATE TABLE refresh_tokens (
    hash       TEXT   NOT NULL PRIMARY KEY,
    grant_id   TEXT   NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT, -- when an access token of this generation was first seen
    spent_at   BIGINT,
    salt       TEXT,
    UNIQUE (grant_id, generation)
);

CREATE TABLE signing_keys (
    id         TEXT   NOT NULL PRIMARY KEY,
    seed       TEXT   NOT NULL, -- the private key: this file is readable by its owner alone
    stage      TEXT   NOT NULL, -- next, current, previous
    created_at BIGINT NOT NULL,
    staged_at  BIGINT NOT NULL
);
CREATE INDEX signing_keys_by_stage ON signing_keys (stage);
