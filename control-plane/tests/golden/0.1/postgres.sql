--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: json_each(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.json_each(list text) RETURNS TABLE(value text)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    BEGIN ATOMIC
 SELECT jsonb_array_elements_text((list)::jsonb) AS jsonb_array_elements_text;
END;


--
-- Name: max(bigint, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.max(bigint, bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN ($1 > $2) THEN $1 ELSE $2 END;


--
-- Name: min(bigint, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.min(bigint, bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN ($1 < $2) THEN $1 ELSE $2 END;


--
-- Name: unhex(text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.unhex(digits text, left_out text DEFAULT ''::text) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN decode(translate(digits, left_out, ''::text), 'hex'::text);


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: _sqlx_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public._sqlx_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);


--
-- Name: audit_anchor; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_anchor (
    is_only bigint NOT NULL,
    "position" bigint NOT NULL,
    chain bytea NOT NULL,
    CONSTRAINT audit_anchor_is_only_check CHECK ((is_only = 1))
);


--
-- Name: audit_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_events (
    sequence bigint NOT NULL,
    id bytea NOT NULL,
    at bigint NOT NULL,
    organization bytea,
    actor text NOT NULL,
    action text NOT NULL,
    target bytea NOT NULL,
    request_id text NOT NULL,
    detail text NOT NULL,
    chain bytea NOT NULL
);


--
-- Name: audit_events_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.audit_events ALTER COLUMN sequence ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_events_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: confirmed; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.confirmed (
    deployment text NOT NULL COLLATE pg_catalog."C",
    key bytea NOT NULL,
    revision bigint NOT NULL,
    promise text NOT NULL,
    outage_seconds bigint NOT NULL,
    confirmed_at bigint NOT NULL
);


--
-- Name: done_requests; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.done_requests (
    slot bytea NOT NULL,
    fingerprint bytea NOT NULL,
    done_at bigint NOT NULL,
    key bytea,
    answer_secret bigint,
    answer bytea
);


--
-- Name: group_jobs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.group_jobs (
    group_id bytea NOT NULL,
    revision bigint NOT NULL,
    after bytea,
    done bigint NOT NULL,
    total bigint NOT NULL,
    started_at bigint NOT NULL
);


--
-- Name: groups; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.groups (
    id bytea NOT NULL,
    organization bytea NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    scopes text NOT NULL,
    permissions text NOT NULL,
    revision bigint NOT NULL,
    created_by text NOT NULL,
    created_at bigint NOT NULL,
    deleted_at bigint
);


--
-- Name: installation; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.installation (
    name text NOT NULL,
    value text NOT NULL
);


--
-- Name: key_groups; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.key_groups (
    group_id bytea NOT NULL,
    key bytea NOT NULL
);


--
-- Name: key_jobs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.key_jobs (
    id bytea NOT NULL,
    number bigint NOT NULL,
    organization bytea NOT NULL,
    task text NOT NULL,
    owner text,
    group_id bytea,
    actor text NOT NULL,
    request_id text NOT NULL,
    after bytea,
    done bigint NOT NULL,
    total bigint NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint
);


--
-- Name: keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.keys (
    id bytea NOT NULL,
    organization bytea NOT NULL,
    owner text NOT NULL,
    hash bytea NOT NULL,
    preview text NOT NULL,
    tag_secret bigint NOT NULL,
    service text NOT NULL,
    environment text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    unique_name text,
    scopes text NOT NULL,
    groups text NOT NULL,
    group_scopes text NOT NULL,
    allowed_ips text NOT NULL,
    rate_limit_per_hour bigint NOT NULL,
    monthly_limit bigint,
    plan text NOT NULL,
    status text NOT NULL,
    revision bigint NOT NULL,
    lineage bytea NOT NULL,
    created_by text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    deactivated_by text,
    deactivated_at bigint,
    ended_by text,
    ended_at bigint,
    rotated_from bytea,
    rotated_into bytea,
    last_used_at bigint,
    expiry_set_at bigint DEFAULT 0 NOT NULL,
    records_end_at bigint,
    holder text,
    metadata text DEFAULT '{}'::text NOT NULL,
    jobs_before bigint DEFAULT 0 NOT NULL,
    suspended bigint DEFAULT 0 NOT NULL
);


--
-- Name: members; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.members (
    organization bytea NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C",
    role text NOT NULL,
    added_by text NOT NULL,
    added_at bigint NOT NULL
);


--
-- Name: metered_months; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.metered_months (
    key bytea NOT NULL,
    month bigint NOT NULL,
    meter text NOT NULL COLLATE pg_catalog."C",
    deployment text NOT NULL,
    requests bigint NOT NULL
);


--
-- Name: organizations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.organizations (
    id bytea NOT NULL,
    name text NOT NULL,
    created_at bigint NOT NULL,
    is_default bigint DEFAULT 0 NOT NULL,
    created_by text NOT NULL,
    leak_policy text DEFAULT 'deactivate'::text NOT NULL,
    suspended_by text,
    suspended_at bigint
);


--
-- Name: outbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox (
    deployment text NOT NULL COLLATE pg_catalog."C",
    key bytea NOT NULL,
    revision bigint NOT NULL,
    dirty_since bigint,
    next_attempt_at bigint NOT NULL,
    attempts bigint DEFAULT 0 NOT NULL,
    last_error text,
    last_error_at bigint,
    rewrite_from bigint,
    claimed_by text,
    claimed_until bigint
);


--
-- Name: published; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.published (
    deployment text NOT NULL COLLATE pg_catalog."C",
    key bytea NOT NULL,
    revision bigint NOT NULL,
    written_at bigint NOT NULL
);


--
-- Name: recoveries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.recoveries (
    deployment text NOT NULL,
    begun_at bigint NOT NULL,
    ended_at bigint,
    report text,
    raised_by bigint DEFAULT 0 NOT NULL,
    ends_unknown bigint DEFAULT 0 NOT NULL
);


--
-- Name: refusal_batches; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.refusal_batches (
    deployment text NOT NULL,
    id bytea NOT NULL,
    taken_at bigint NOT NULL
);


--
-- Name: refusals; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.refusals (
    key bytea NOT NULL,
    slots text NOT NULL,
    slot bigint NOT NULL,
    reason text NOT NULL,
    requests bigint NOT NULL
);


--
-- Name: sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sessions (
    hash bytea NOT NULL,
    holder text NOT NULL,
    credential bytea,
    issuer text,
    subject text,
    started_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    ends_at bigint NOT NULL
);


--
-- Name: sync_outbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sync_outbox (
    deployment text NOT NULL COLLATE pg_catalog."C",
    key bytea NOT NULL,
    revision bigint NOT NULL,
    unconfirmed_since bigint NOT NULL,
    next_attempt_at bigint NOT NULL,
    attempts bigint DEFAULT 0 NOT NULL,
    last_error text,
    last_error_at bigint,
    claimed_by text,
    claimed_until bigint
);


--
-- Name: usage_days; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_days (
    key bytea NOT NULL,
    slot bigint NOT NULL,
    deployment text NOT NULL,
    requests bigint NOT NULL
);


--
-- Name: usage_horizons; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_horizons (
    slots text NOT NULL,
    first bigint NOT NULL
);


--
-- Name: usage_hours; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_hours (
    key bytea NOT NULL,
    slot bigint NOT NULL,
    deployment text NOT NULL,
    requests bigint NOT NULL
);


--
-- Name: usage_months; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_months (
    key bytea NOT NULL,
    slot bigint NOT NULL,
    deployment text NOT NULL,
    requests bigint NOT NULL
);


--
-- Data for Name: _sqlx_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public._sqlx_migrations VALUES (5, 'schema', '2026-11-21 23:10:28.681447+00', true, '\x9c38575951e31c820730dc34d2e5d6c3b1ffd51ba99c09df5754563f1e21a925952facb8da0aac82bb0776809e397445', 60023230);
INSERT INTO public._sqlx_migrations VALUES (6, 'expiry', '2026-11-21 23:10:28.744569+00', true, '\x1ac6ec192986c36c084f2e3d3a5ff92e2639ba1ebc739927e7e3734eafb78819e5decf1972d58dad062243d61636d643', 3527575);
INSERT INTO public._sqlx_migrations VALUES (7, 'idempotency', '2026-11-21 23:10:28.745789+00', true, '\xf9c97bf46aae26634addd5f40b555b0c646d9d8a5011c8e18003af20c184698b927ba8c4cdd29ad685060da8690a3ab1', 1607125);
INSERT INTO public._sqlx_migrations VALUES (8, 'audit', '2026-11-21 23:10:28.752879+00', true, '\x22f01e8f05edd6238dcc3e2b3108cd00acc2be20e295ee3229eeaf87b3d20f65d58fb6461c95ab07123434fe30c49a66', 1957925);
INSERT INTO public._sqlx_migrations VALUES (9, 'recovery', '2026-11-21 23:10:28.754983+00', true, '\x4a54914f54f301cd32820671ee52ad559a2f3d5291785378b13a7426f94c3acb035fa6ecd2901b597ac1207548b24823', 5604146);
INSERT INTO public._sqlx_migrations VALUES (10, 'metadata', '2026-11-21 23:10:28.760804+00', true, '\x30aeeacb80f80bbf295acea3418b7e0910c96d1b495260ac955c37c433f3b227a518a92d7141b3c9978c2f216748822c', 906605);
INSERT INTO public._sqlx_migrations VALUES (11, 'key jobs', '2026-11-21 23:10:28.761837+00', true, '\x4cc074bcfbd7f483aa92007d4e5cd90b65b69d43185eb1b7c355a6c4d3c759de83a89111aba11a1be15b014223e80a94', 2544797);
INSERT INTO public._sqlx_migrations VALUES (12, 'audit anchor', '2026-11-21 23:10:28.764583+00', true, '\xd198692a5120a8bb18c3415d83666c8c8e4481933a72c45d0f9174421f165c1c98930eb2f27ef4dcfec067a3e360c815', 919475);
INSERT INTO public._sqlx_migrations VALUES (13, 'sessions', '2026-11-21 23:10:28.765611+00', true, '\x1472762653a4cb5e0afcf38e669519cf4087f25a84cf839ada963f2c9dd0a49965d80cd5db91896ee296c8c8a0b08433', 3110336);
INSERT INTO public._sqlx_migrations VALUES (14, 'usage roll ups', '2026-11-21 23:10:28.768882+00', true, '\x2c145c8a9cb9f0d70df35424f608fba9fab21fa07dc1907a12625f95f64db39c590c60b3030f04c2d0799e2c45bdee07', 12571976);
INSERT INTO public._sqlx_migrations VALUES (15, 'refusals', '2026-11-21 23:10:28.781699+00', true, '\x4281b4dabc7f87ccea5cdd631376d95abbe8eedf01b704f12dc63c2ba6e133c2ed54afe3b6fb7603aedb1bb1f618f6f5', 7705294);
INSERT INTO public._sqlx_migrations VALUES (16, 'key lists', '2026-11-21 23:10:28.789597+00', true, '\xd3acf2a5c552d8cf92d5a6f39c3fc5052427baf2442761004839e3540d1c5c6d4b8b35ed2649459345a29dd140f23b0d', 822971);
INSERT INTO public._sqlx_migrations VALUES (17, 'suspension', '2026-11-21 23:10:28.79249+00', true, '\x5070c03d77c094e0c133a6d20fe90cf62b37145392d6b6c3910dfd69b2556bccd1c0c9b4b27e0e8bb6cdda5262fc20b3', 2731052);


--
-- Data for Name: audit_anchor; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: audit_events; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.audit_events OVERRIDING SYSTEM VALUE VALUES (1, '\x01a3185c53e8775f9511fa96f9e4a885', 1800000001000, '\x00000000000000000000000000000001', 'admin', 'key.created', '\x01a3185c53e874e98d2153f064169b27', 'request 1', '{"revision":1}', '\x2e5e164e22cceec72ff4387feb310cd4c98d3236cd3f062a9f9a190933956426');
INSERT INTO public.audit_events OVERRIDING SYSTEM VALUE VALUES (2, '\x01a3185c53e87f2383148c9a03d67512', 1800000001000, '\x00000000000000000000000000000001', 'admin', 'key.created', '\x01a3185c57d07c8cb8c05198993b985b', 'request 1', '{"revision":1}', '\xe201d7635b85843c091fa700d011d8d277586122724c7ff58668a657598e24c3');
INSERT INTO public.audit_events OVERRIDING SYSTEM VALUE VALUES (3, '\x01a3185c57d07352a87904b2162b9275', 1800000002000, '\x00000000000000000000000000000001', 'admin', 'key.updated', '\x01a3185c57d07c8cb8c05198993b985b', 'request 2', '{"revision":2}', '\x241cada9a0966225efc6452e9e23111633050a40e2f2695bb7f00b7dfd3a52dc');
INSERT INTO public.audit_events OVERRIDING SYSTEM VALUE VALUES (4, '\x01a3185c53e87aba94c6b700d1f5673f', 1800000001000, '\x00000000000000000000000000000001', 'admin', 'key.created', '\x01a3185c5bb87b27afb2888a6a6d25ab', 'request 1', '{"revision":1}', '\xf3e281dd6dc4f9e0044ddf20450e8c96eb0b923bc084455399fa7d5b71b85e20');
INSERT INTO public.audit_events OVERRIDING SYSTEM VALUE VALUES (5, '\x01a3185c57d078f491046e533cb2e8fa', 1800000002000, '\x00000000000000000000000000000001', 'admin', 'key.updated', '\x01a3185c5bb87b27afb2888a6a6d25ab', 'request 2', '{"revision":2}', '\x6f78866a0568ab2636dc8fd27f752db9d20a75ae37ad5d0484d029e438ac0546');
INSERT INTO public.audit_events OVERRIDING SYSTEM VALUE VALUES (6, '\x01a3185c53e875ba9d955b796b469bf6', 1800000001000, '\x00000000000000000000000000000001', 'admin', 'key.created', '\x01a3185c5fa07b5d84768643b8d8e3ad', 'request 1', '{"revision":1}', '\x97f8232e784f06beb230afb474999d6a5eca3e28ff07acfaa7cba88a3073f161');
INSERT INTO public.audit_events OVERRIDING SYSTEM VALUE VALUES (7, '\x01a3185c57d07643a54de464b3889fd7', 1800000002000, '\x00000000000000000000000000000001', 'admin', 'key.updated', '\x01a3185c5fa07b5d84768643b8d8e3ad', 'request 2', '{"revision":2}', '\x896e6249dc39d5d7afbdf9b9f9e9cc36e2b4356ff574be6293ba558902da7159');
INSERT INTO public.audit_events OVERRIDING SYSTEM VALUE VALUES (8, '\x01a3185c53e872e0a9a4a423204e9644', 1800000001000, '\x00000000000000000000000000000001', 'admin', 'key.created', '\x01a3185c63887469b80f61c4e96c66ae', 'request 1', '{"revision":1}', '\xbfcdc9e1612b6b5afaf9e6d91ea718b9d26bd457d97fb76e85a584857a081d24');
INSERT INTO public.audit_events OVERRIDING SYSTEM VALUE VALUES (9, '\x01a3185c53e87c74b7c21c3f20935c74', 1800000001000, '\x00000000000000000000000000000001', 'admin', 'key.created', '\x01a3185c67707172982ced3bbae22558', 'request 1', '{"revision":1}', '\x5b45007ff8ecd1a990b9bfc82de4c1fe5bec1581835f6689c37eb5215cdbe1ca');


--
-- Data for Name: confirmed; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: done_requests; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: group_jobs; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: groups; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.groups VALUES ('\x00000000000000000000000000000001', '\x00000000000000000000000000000001', 'admin', '[]', '[]', 1, 'admin', 1800000000000, NULL);


--
-- Data for Name: installation; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.installation VALUES ('service_key_brand', 'hk');
INSERT INTO public.installation VALUES ('gateway_key_brand', 'hpk');


--
-- Data for Name: key_groups; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: key_jobs; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.keys VALUES ('\x01a3185c53e874e98d2153f064169b27', '\x00000000000000000000000000000001', 'admin', '\x906ff6507bc2d4ed822ca33afa7e229a8d72bcd978765f3f76976435dd0b291c', 'hk_live_L4p***', 9, 'prediction', 'production', 'key 1', NULL, '["predict","read"]', '[]', '[]', '["203.0.113.0/24"]', 5000, 1000000, 'pro', 'active', 1, '\x01a3185c53e874e98d2153f064169b27', 'admin', 1800000001000, 1807776001000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000001000, 1807776001000, NULL, '{}', 0, 0);
INSERT INTO public.keys VALUES ('\x01a3185c57d07c8cb8c05198993b985b', '\x00000000000000000000000000000001', 'admin', '\xa3ef8ac584b487688633edabaaefe8ba2fa2561849aa0193b0839c26192a2035', 'hk_live_R5S***', 9, 'prediction', 'production', 'key 2', NULL, '["predict","read"]', '[]', '[]', '["203.0.113.0/24"]', 5000, 1000000, 'pro', 'revoked', 2, '\x01a3185c57d07c8cb8c05198993b985b', 'admin', 1800000002000, 1807776002000, NULL, NULL, 'admin', 1800000002000, NULL, NULL, NULL, 1800000002000, 1807776002000, NULL, '{}', 0, 0);
INSERT INTO public.keys VALUES ('\x01a3185c5bb87b27afb2888a6a6d25ab', '\x00000000000000000000000000000001', 'admin', '\xcaedb2af586ea64050d61bea346a1c289d62f6cb62cfd9ad544b0d59418ffb96', 'hk_live_TtW***', 9, 'prediction', 'production', 'key 3', NULL, '["predict","read"]', '[]', '[]', '["203.0.113.0/24"]', 5000, 1000000, 'pro', 'deactivated', 2, '\x01a3185c5bb87b27afb2888a6a6d25ab', 'admin', 1800000003000, 1807776003000, 'admin', 1800000002000, NULL, NULL, NULL, NULL, NULL, 1800000003000, 1807776003000, NULL, '{}', 0, 0);
INSERT INTO public.keys VALUES ('\x01a3185c5fa07b5d84768643b8d8e3ad', '\x00000000000000000000000000000001', 'admin', '\xc68ee646dbdb47b6c29db670d79c6f46767d228bdccef1101d93790954903551', 'hk_live_mgX***', 9, 'prediction', 'production', 'Another name, naïve', NULL, '["predict","read"]', '[]', '[]', '["203.0.113.0/24"]', 5000, 1000000, 'pro', 'active', 2, '\x01a3185c5fa07b5d84768643b8d8e3ad', 'admin', 1800000004000, 1807776004000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000004000, 1807776004000, NULL, '{}', 0, 0);
INSERT INTO public.keys VALUES ('\x01a3185c63887469b80f61c4e96c66ae', '\x00000000000000000000000000000001', 'admin', '\xb2359a091c7b3a84eaf1cd3ce83af6f94f832e48a6badde2793df74247308af2', 'hk_live_b6x***', 9, 'prediction', 'production', 'key 5', NULL, '["predict","read"]', '[]', '[]', '["203.0.113.0/24"]', 5000, 1000000, 'pro', 'active', 1, '\x01a3185c63887469b80f61c4e96c66ae', 'admin', 1800000005000, 1807776005000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000005000, 1807776005000, NULL, '{}', 0, 0);
INSERT INTO public.keys VALUES ('\x01a3185c67707172982ced3bbae22558', '\x00000000000000000000000000000001', 'admin', '\x24f7531f8483b5a438b12658c6f115a389157f355a85fc1bd21ec2ca32c2db2f', 'hk_live_3qE***', 9, 'prediction', 'production', 'key 6', NULL, '["predict","read"]', '[]', '[]', '["203.0.113.0/24"]', 5000, 1000000, 'pro', 'active', 1, '\x01a3185c67707172982ced3bbae22558', 'admin', 1800000006000, 1807776006000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000006000, 1807776006000, NULL, '{}', 0, 0);


--
-- Data for Name: members; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: metered_months; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: organizations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.organizations VALUES ('\x00000000000000000000000000000001', 'Default', 1800000000000, 1, 'admin', 'deactivate', NULL, NULL);


--
-- Data for Name: outbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.outbox VALUES ('main', '\x01a3185c53e874e98d2153f064169b27', 1, 1800000001000, 1800000001000, 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.outbox VALUES ('main', '\x01a3185c57d07c8cb8c05198993b985b', 2, 1800000001000, 1800000001000, 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.outbox VALUES ('main', '\x01a3185c5bb87b27afb2888a6a6d25ab', 2, 1800000001000, 1800000001000, 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.outbox VALUES ('main', '\x01a3185c5fa07b5d84768643b8d8e3ad', 2, 1800000001000, 1800000001000, 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.outbox VALUES ('main', '\x01a3185c63887469b80f61c4e96c66ae', 1, 1800000001000, 1800000001000, 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.outbox VALUES ('main', '\x01a3185c67707172982ced3bbae22558', 1, 1800000001000, 1800000001000, 0, NULL, NULL, NULL, NULL, NULL);


--
-- Data for Name: published; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: recoveries; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: refusal_batches; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: refusals; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: sessions; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: sync_outbox; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: usage_days; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.usage_days VALUES ('\x01a3185c53e874e98d2153f064169b27', 20833, 'main', 42);


--
-- Data for Name: usage_horizons; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: usage_hours; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.usage_hours VALUES ('\x01a3185c53e874e98d2153f064169b27', 500000, 'main', 42);


--
-- Data for Name: usage_months; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.usage_months VALUES ('\x01a3185c53e874e98d2153f064169b27', 24324, 'main', 42);


--
-- Name: audit_events_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.audit_events_sequence_seq', 9, true);


--
-- Name: _sqlx_migrations _sqlx_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);


--
-- Name: audit_anchor audit_anchor_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_anchor
    ADD CONSTRAINT audit_anchor_pkey PRIMARY KEY (is_only);


--
-- Name: audit_events audit_events_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events
    ADD CONSTRAINT audit_events_id_key UNIQUE (id);


--
-- Name: audit_events audit_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events
    ADD CONSTRAINT audit_events_pkey PRIMARY KEY (sequence);


--
-- Name: confirmed confirmed_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.confirmed
    ADD CONSTRAINT confirmed_pkey PRIMARY KEY (deployment, key);


--
-- Name: done_requests done_requests_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.done_requests
    ADD CONSTRAINT done_requests_pkey PRIMARY KEY (slot);


--
-- Name: group_jobs group_jobs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.group_jobs
    ADD CONSTRAINT group_jobs_pkey PRIMARY KEY (group_id);


--
-- Name: groups groups_organization_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.groups
    ADD CONSTRAINT groups_organization_name_key UNIQUE (organization, name);


--
-- Name: groups groups_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.groups
    ADD CONSTRAINT groups_pkey PRIMARY KEY (id);


--
-- Name: installation installation_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (name);


--
-- Name: key_groups key_groups_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.key_groups
    ADD CONSTRAINT key_groups_pkey PRIMARY KEY (group_id, key);


--
-- Name: key_jobs key_jobs_number_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.key_jobs
    ADD CONSTRAINT key_jobs_number_key UNIQUE (number);


--
-- Name: key_jobs key_jobs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.key_jobs
    ADD CONSTRAINT key_jobs_pkey PRIMARY KEY (id);


--
-- Name: keys keys_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.keys
    ADD CONSTRAINT keys_hash_key UNIQUE (hash);


--
-- Name: keys keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.keys
    ADD CONSTRAINT keys_pkey PRIMARY KEY (id);


--
-- Name: members members_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_pkey PRIMARY KEY (organization, subject);


--
-- Name: organizations organizations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.organizations
    ADD CONSTRAINT organizations_pkey PRIMARY KEY (id);


--
-- Name: outbox outbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (deployment, key);


--
-- Name: published published_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.published
    ADD CONSTRAINT published_pkey PRIMARY KEY (deployment, key);


--
-- Name: recoveries recoveries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.recoveries
    ADD CONSTRAINT recoveries_pkey PRIMARY KEY (deployment);


--
-- Name: refusal_batches refusal_batches_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refusal_batches
    ADD CONSTRAINT refusal_batches_pkey PRIMARY KEY (deployment, id);


--
-- Name: refusals refusals_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refusals
    ADD CONSTRAINT refusals_pkey PRIMARY KEY (key, slots, slot, reason);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (hash);


--
-- Name: sync_outbox sync_outbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sync_outbox
    ADD CONSTRAINT sync_outbox_pkey PRIMARY KEY (deployment, key);


--
-- Name: usage_days usage_days_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_days
    ADD CONSTRAINT usage_days_pkey PRIMARY KEY (key, slot, deployment);


--
-- Name: usage_horizons usage_horizons_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_horizons
    ADD CONSTRAINT usage_horizons_pkey PRIMARY KEY (slots);


--
-- Name: usage_hours usage_hours_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_hours
    ADD CONSTRAINT usage_hours_pkey PRIMARY KEY (key, slot, deployment);


--
-- Name: metered_months usage_months_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.metered_months
    ADD CONSTRAINT usage_months_pkey PRIMARY KEY (key, month, meter, deployment);


--
-- Name: usage_months usage_months_pkey1; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_months
    ADD CONSTRAINT usage_months_pkey1 PRIMARY KEY (key, slot, deployment);


--
-- Name: audit_events_by_action; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_by_action ON public.audit_events USING btree (action, at, sequence);


--
-- Name: audit_events_by_actor; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_by_actor ON public.audit_events USING btree (actor, at, sequence);


--
-- Name: audit_events_by_organization; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_by_organization ON public.audit_events USING btree (organization, at, sequence);


--
-- Name: audit_events_by_target; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_by_target ON public.audit_events USING btree (target, at, sequence);


--
-- Name: audit_events_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_by_time ON public.audit_events USING btree (at, sequence);


--
-- Name: done_requests_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX done_requests_by_time ON public.done_requests USING btree (done_at);


--
-- Name: done_requests_with_answers; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX done_requests_with_answers ON public.done_requests USING btree (done_at) WHERE (answer IS NOT NULL);


--
-- Name: key_groups_by_key; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX key_groups_by_key ON public.key_groups USING btree (key);


--
-- Name: key_jobs_by_organization; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX key_jobs_by_organization ON public.key_jobs USING btree (organization, id DESC);


--
-- Name: key_jobs_under_way; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX key_jobs_under_way ON public.key_jobs USING btree (number) WHERE (ended_at IS NULL);


--
-- Name: keys_by_holder; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX keys_by_holder ON public.keys USING btree (organization, holder, id DESC) WHERE (holder IS NOT NULL);


--
-- Name: keys_by_lineage; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX keys_by_lineage ON public.keys USING btree (lineage);


--
-- Name: keys_by_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX keys_by_name ON public.keys USING btree (organization, lower(name), id);


--
-- Name: keys_by_organization; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX keys_by_organization ON public.keys USING btree (organization, id DESC);


--
-- Name: keys_by_owner; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX keys_by_owner ON public.keys USING btree (organization, owner, id DESC);


--
-- Name: keys_by_tag_secret; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX keys_by_tag_secret ON public.keys USING btree (environment, tag_secret, status);


--
-- Name: keys_by_unique_name; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX keys_by_unique_name ON public.keys USING btree (organization, unique_name) WHERE (unique_name IS NOT NULL);


--
-- Name: members_by_subject; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX members_by_subject ON public.members USING btree (subject);


--
-- Name: metered_months_by_month; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX metered_months_by_month ON public.metered_months USING btree (month);


--
-- Name: organizations_one_default; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX organizations_one_default ON public.organizations USING btree (is_default) WHERE (is_default = 1);


--
-- Name: outbox_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_due ON public.outbox USING btree (deployment, next_attempt_at);


--
-- Name: refusal_batches_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX refusal_batches_by_time ON public.refusal_batches USING btree (taken_at);


--
-- Name: refusals_by_slot; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX refusals_by_slot ON public.refusals USING btree (slots, slot);


--
-- Name: sync_outbox_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sync_outbox_due ON public.sync_outbox USING btree (deployment, next_attempt_at);


--
-- Name: usage_days_by_slot; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX usage_days_by_slot ON public.usage_days USING btree (slot);


--
-- Name: usage_hours_by_slot; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX usage_hours_by_slot ON public.usage_hours USING btree (slot);


--
-- Name: usage_months_by_slot; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX usage_months_by_slot ON public.usage_months USING btree (slot);


--
-- Name: audit_events audit_events_organization_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events
    ADD CONSTRAINT audit_events_organization_fkey FOREIGN KEY (organization) REFERENCES public.organizations(id);


--
-- Name: confirmed confirmed_key_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.confirmed
    ADD CONSTRAINT confirmed_key_fkey FOREIGN KEY (key) REFERENCES public.keys(id);


--
-- Name: group_jobs group_jobs_group_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.group_jobs
    ADD CONSTRAINT group_jobs_group_id_fkey FOREIGN KEY (group_id) REFERENCES public.groups(id);


--
-- Name: groups groups_organization_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.groups
    ADD CONSTRAINT groups_organization_fkey FOREIGN KEY (organization) REFERENCES public.organizations(id);


--
-- Name: key_groups key_groups_group_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.key_groups
    ADD CONSTRAINT key_groups_group_id_fkey FOREIGN KEY (group_id) REFERENCES public.groups(id);


--
-- Name: key_groups key_groups_key_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.key_groups
    ADD CONSTRAINT key_groups_key_fkey FOREIGN KEY (key) REFERENCES public.keys(id);


--
-- Name: key_jobs key_jobs_organization_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.key_jobs
    ADD CONSTRAINT key_jobs_organization_fkey FOREIGN KEY (organization) REFERENCES public.organizations(id);


--
-- Name: keys keys_organization_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.keys
    ADD CONSTRAINT keys_organization_fkey FOREIGN KEY (organization) REFERENCES public.organizations(id);


--
-- Name: members members_organization_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_organization_fkey FOREIGN KEY (organization) REFERENCES public.organizations(id);


--
-- Name: outbox outbox_key_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_key_fkey FOREIGN KEY (key) REFERENCES public.keys(id);


--
-- Name: published published_key_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.published
    ADD CONSTRAINT published_key_fkey FOREIGN KEY (key) REFERENCES public.keys(id);


--
-- Name: refusals refusals_key_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refusals
    ADD CONSTRAINT refusals_key_fkey FOREIGN KEY (key) REFERENCES public.keys(id);


--
-- Name: sync_outbox sync_outbox_key_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sync_outbox
    ADD CONSTRAINT sync_outbox_key_fkey FOREIGN KEY (key) REFERENCES public.keys(id);


--
-- Name: usage_days usage_days_key_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_days
    ADD CONSTRAINT usage_days_key_fkey FOREIGN KEY (key) REFERENCES public.keys(id);


--
-- Name: usage_hours usage_hours_key_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_hours
    ADD CONSTRAINT usage_hours_key_fkey FOREIGN KEY (key) REFERENCES public.keys(id);


--
-- Name: metered_months usage_months_key_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.metered_months
    ADD CONSTRAINT usage_months_key_fkey FOREIGN KEY (key) REFERENCES public.keys(id);


--
-- Name: usage_months usage_months_key_fkey1; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_months
    ADD CONSTRAINT usage_months_key_fkey1 FOREIGN KEY (key) REFERENCES public.keys(id);


--
-- PostgreSQL database dump complete
--


