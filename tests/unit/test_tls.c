/* SPDX-License-Identifier: MIT */
/* What a TLS listener's files may hold, handshakes that go wrong or never end, client certificates, and reading the
 * files anew while connections go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/conn_bench.h"

#define ASK "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"

static int setup(void **state)
{
    *state = bench_new_tls();
    return 0;
}

static int teardown(void **state)
{
    bench_free(*state);
    return 0;
}

static void open_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
}

/* Asks once; true when it was answered. */
static bool is_served(struct bench *bench, struct client *client)
{
    size_t seen = client->in.length;
    if (!client_push(client, ASK, strlen(ASK)))
        return false;
    bench_settle(bench);
    client_read(client, SIZE_MAX);
    return client->in.length > seen && strstr(client->in.bytes + seen, "404 Not Found") != NULL;
}

/* A client before its handshake, with what `prepare` makes of it. */
static bool connects(struct bench *bench, struct client *client)
{
    int pair[2];
    open_pair(pair);
    client_begin(client, bench, pair);
    return client_shake_hands(client, bench);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void expect_refused(const struct tls_options *options, enum tls_file file, const char *part)
{
    struct tls_error error = {.why = ""};
    struct tls *tls = tls_new(options, &error);
    assert_null(tls);
    assert_int_equal(error.file, file);
    if (strstr(error.why, part) == NULL)
        fail_msg("'%s' does not say '%s'", error.why, part);
}

static void files_that_cannot_be_served(void **state)
{
    (void)state;
    struct identity one, other;
    char junk[TLS_PATH_MAX], locked[TLS_PATH_MAX];
    identity_make(&one, "one", NULL);
    identity_make(&other, "other", NULL);
    snprintf(junk, sizeof(junk), "%s/junk.pem", one.folder);
    snprintf(locked, sizeof(locked), "%s/locked.pem", one.folder);
    write_text(junk, "no PEM at all\n");
    FILE *file = fopen(locked, "w");
    assert_int_equal(
        PEM_write_PrivateKey(file, one.key, EVP_aes_128_cbc(), (const unsigned char *)"secret", 6, NULL, NULL), 1);
    fclose(file);
    const struct tls_options good = {one.certificate_path, one.key_path, NULL, false};
    struct tls_options options = good;
    options.certificate = "/nowhere/cert.pem";
    expect_refused(&options, TLS_CERTIFICATE, "cannot read /nowhere/cert.pem: No such file");
    options.certificate = junk;
    expect_refused(&options, TLS_CERTIFICATE, "holds no certificate in PEM");
    options = good;
    options.key = "/nowhere/key.pem";
    expect_refused(&options, TLS_KEY, "cannot read /nowhere/key.pem: No such file");
    options.key = junk;
    expect_refused(&options, TLS_KEY, "holds no private key");
    options.key = other.key_path;
    expect_refused(&options, TLS_KEY, "does not belong to the certificate");
    options.key = locked;
    expect_refused(&options, TLS_KEY, "is encrypted");
    options = good;
    options.client_ca = "/nowhere/ca.pem";
    expect_refused(&options, TLS_CLIENT_CA, "cannot read /nowhere/ca.pem: No such file");
    options.client_ca = junk;
    expect_refused(&options, TLS_CLIENT_CA, "holds no certificate");
    options.client_ca = other.certificate_path;
    struct tls_error error;
    struct tls *tls = tls_new(&options, &error);
    assert_non_null(tls);
    tls_free(tls);
    unlink(junk);
    unlink(locked);
    identity_free(&one);
    identity_free(&other);
}

/* Bytes that come one by one, in the handshake and in records. */
static void every_byte_alone(void **state)
{
    struct bench *bench = *state;
    struct client client;
    int pair[2];
    open_pair(pair);
    client_begin(&client, bench, pair);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_bio(client.ssl, in, out);
    SSL_set_connect_state(client.ssl);
    char octet, answer[2000];
    int got = 0;
    bool has_asked = false;
    for (int i = 0; i < 100000 && got <= 0; i++) {
        if (!has_asked && SSL_do_handshake(client.ssl) == 1)
            has_asked = SSL_write(client.ssl, ASK, (int)strlen(ASK)) > 0;
        while (BIO_read(out, &octet, 1) == 1) {
            assert_int_equal(send(pair[0], &octet, 1, MSG_NOSIGNAL), 1);
            bench_settle(bench);
        }
        if (recv(pair[0], &octet, 1, 0) == 1)
            BIO_write(in, &octet, 1);
        got = has_asked ? SSL_read(client.ssl, answer, sizeof(answer) - 1) : 0;
    }
    assert_true(got > 0);
    answer[got] = '\0';
    assert_non_null(strstr(answer, "404 Not Found"));
    client_close(&client);
}

/* Who does not come to the end of the handshake in time is let go, without a word. */
static void slow_handshakes(void **state)
{
    static const char *const STARTS[] = {"", "\x16\x03\x01\x02", "\x16\x03\x01\x00\x40\x01"};
    struct bench *bench = *state;
    for (int i = 0; i < 3; i++) {
        int pair[2];
        char octet;
        open_pair(pair);
        conn_open(bench->home, pair[1], 7);
        assert_true(send(pair[0], STARTS[i], strlen(STARTS[i]), MSG_NOSIGNAL) >= 0);
        bench_move(bench, 6 * CLOCK_SECOND);
        assert_true(send(pair[0], "\x01", i > 0, MSG_NOSIGNAL) >= 0); /* more bytes buy no more time */
        bench_move(bench, 3 * CLOCK_SECOND);
        assert_int_equal(bench->closed, i);
        bench_move(bench, 3 * CLOCK_SECOND);
        assert_int_equal(bench->closed, i + 1);
        assert_true(recv(pair[0], &octet, 1, 0) <= 0);
        close(pair[0]);
    }
    assert_int_equal(metrics_read(bench->metrics, METRIC_LIMIT_HEADER_TIMEOUT), 3);
    assert_int_equal(metrics_read(bench->metrics, METRIC_TLS_FAILURES), 3);
    assert_int_equal(bench->served, 0);
}

static void what_is_not_tls(void **state)
{
    static const char *const STARTS[] = {ASK, "\r\n\r\n\r\n\r\n\r\n\r\n", "\x16\x03\x01\x00\x05hello"};
    struct bench *bench = *state;
    for (int i = 0; i < 3; i++) {
        int pair[2];
        open_pair(pair);
        conn_open(bench->home, pair[1], 7);
        assert_true(send(pair[0], STARTS[i], i == 2 ? 10 : strlen(STARTS[i]), MSG_NOSIGNAL) > 0);
        bench_settle(bench);
        assert_int_equal(bench->closed, i + 1);
        close(pair[0]);
    }
    assert_int_equal(metrics_read(bench->metrics, METRIC_TLS_FAILURES), 3);
    assert_int_equal(bench->served, 0);
}

static void versions(void **state)
{
    static const struct {
        int version;
        bool good;
    } ROWS[] = {{TLS1_VERSION, false}, {TLS1_1_VERSION, false}, {TLS1_2_VERSION, true}, {TLS1_3_VERSION, true}};
    struct bench *bench = *state;
    SSL_CTX_set_security_level(bench->client_context, 0); /* the client would take old ones */
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct client client;
        SSL_CTX_set_min_proto_version(bench->client_context, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(bench->client_context, ROWS[i].version);
        assert_int_equal(connects(bench, &client), ROWS[i].good);
        if (ROWS[i].good) {
            assert_int_equal(SSL_version(client.ssl), ROWS[i].version);
            assert_true(is_served(bench, &client));
        }
        client_close(&client);
        bench_settle(bench);
    }
    assert_int_equal(metrics_read(bench->metrics, METRIC_TLS_HANDSHAKES), 2);
    assert_int_equal(metrics_read(bench->metrics, METRIC_TLS_FAILURES), 2);
}

static void no_renegotiation(void **state)
{
    struct bench *bench = *state;
    struct client client;
    SSL_CTX_set_max_proto_version(bench->client_context, TLS1_2_VERSION);
    assert_true(connects(bench, &client));
    assert_true(is_served(bench, &client));
    assert_int_equal(SSL_renegotiate(client.ssl), 1);
    for (int i = 0; i < 10; i++) {
        (void)SSL_do_handshake(client.ssl);
        bench_settle(bench);
    }
    assert_int_equal(metrics_read(bench->metrics, METRIC_TLS_HANDSHAKES), 1);
    assert_int_equal(bench->served, 1);
    client_close(&client);
}

/* New keys in the middle of a conversation, which the server answers with its own. */
static void new_keys(void **state)
{
    struct bench *bench = *state;
    struct client client;
    SSL_CTX_set_min_proto_version(bench->client_context, TLS1_3_VERSION);
    assert_true(connects(bench, &client));
    for (int i = 0; i < 20; i++) {
        assert_int_equal(SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_true(is_served(bench, &client));
    }
    client_close(&client);
}

static void protocols(void **state)
{
    static const struct {
        const char *offered;
        bool good;
    } ROWS[] = {{"\x08http/1.1", true}, {"\x02h2\x08http/1.1", true}, {"\x02h2", false}, {"\x08http/1.0", false}};
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct client client;
        const unsigned char *chosen;
        unsigned length;
        SSL_CTX_set_alpn_protos(bench->client_context, (const unsigned char *)ROWS[i].offered,
                                (unsigned)strlen(ROWS[i].offered));
        assert_int_equal(connects(bench, &client), ROWS[i].good);
        SSL_get0_alpn_selected(client.ssl, &chosen, &length);
        if (ROWS[i].good)
            assert_memory_equal(chosen, "http/1.1", length);
        client_close(&client);
        bench_settle(bench);
    }
}

/* A client that just goes, without a farewell, has ended all the same; what it had asked is answered. */
static void no_farewell(void **state)
{
    struct bench *bench = *state;
    struct client client;
    assert_true(connects(bench, &client));
    assert_true(client_push(&client, ASK, strlen(ASK)));
    shutdown(client.descriptor, SHUT_WR);
    bench_settle(bench);
    client_read(&client, SIZE_MAX);
    assert_int_equal(bench->served, 1);
    assert_true(client.in.length > 0 && client.ended && client.farewell);
    client_close(&client);
}

/* Bytes that are no record, in the middle of a conversation. */
static void a_broken_record(void **state)
{
    struct bench *bench = *state;
    struct client client;
    assert_true(connects(bench, &client));
    assert_true(is_served(bench, &client));
    assert_true(send(client.descriptor, "\x17\x03\x03\x00\x20 this is no sealed record at all", 37, MSG_NOSIGNAL) > 0);
    bench_settle(bench);
    assert_int_equal(bench->closed, 1);
    client_close(&client);
}

static void use_identity(SSL_CTX *context, const struct identity *identity)
{
    assert_int_equal(SSL_CTX_use_certificate(context, identity->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, identity->key), 1);
}

/* What the handler was told of the client's certificate. */
static void expect_certificate(struct bench *bench, struct client *client, const struct identity *identity)
{
    bench->has_certificate = false;
    assert_true(is_served(bench, client));
    assert_int_equal(bench->has_certificate, identity != NULL);
    if (identity != NULL)
        assert_memory_equal(bench->certificate, identity->digest, HASH_SHA256_BYTES);
}

/* Without a CA whatever the client holds the key of is told of. */
static void certificates_of_clients(void **state)
{
    struct bench *bench = *state;
    struct identity identity;
    struct client client;
    identity_make(&identity, "client", NULL);
    assert_true(connects(bench, &client));
    expect_certificate(bench, &client, NULL);
    client_close(&client);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX_set_max_proto_version(bench->client_context, version);
        use_identity(bench->client_context, &identity);
        assert_true(connects(bench, &client));
        expect_certificate(bench, &client, &identity);
        expect_certificate(bench, &client, &identity);
        client_close(&client);
    }
    identity_free(&identity);
}

/* With one, who shows another's certificate is turned away; who shows none is not. */
static void certificates_of_an_authority(void **state)
{
    struct bench *bench = *state;
    struct identity authority, good, bad, sham;
    struct client client;
    identity_make(&authority, "authority", NULL);
    identity_make(&good, "good", &authority);
    identity_make(&sham, "authority", NULL); /* the same name, another key */
    identity_make(&bad, "good", &sham);
    const struct tls_options options = {bench->identity.certificate_path, bench->identity.key_path,
                                        authority.certificate_path, false};
    struct tls_error error;
    assert_true(tls_reload(bench->tls, &options, &error));
    SSL_CTX_set_max_proto_version(bench->client_context, TLS1_2_VERSION); /* the verdict is in the handshake */
    assert_true(connects(bench, &client));
    expect_certificate(bench, &client, NULL);
    client_close(&client);
    use_identity(bench->client_context, &good);
    assert_true(connects(bench, &client));
    expect_certificate(bench, &client, &good);
    client_close(&client);
    use_identity(bench->client_context, &bad);
    assert_false(connects(bench, &client));
    client_close(&client);
    SSL_CTX_set_max_proto_version(bench->client_context, TLS1_3_VERSION);
    (void)connects(bench, &client);
    assert_false(is_served(bench, &client));
    client_close(&client);
    bench_settle(bench);
    assert_int_equal(metrics_read(bench->metrics, METRIC_TLS_FAILURES), 2);
    identity_free(&authority);
    identity_free(&good);
    identity_free(&sham);
    identity_free(&bad);
}

/* A session that goes on brings the certificate of its first handshake along. */
static void sessions_go_on(void **state)
{
    struct bench *bench = *state;
    struct identity identity;
    struct client client;
    identity_make(&identity, "client", NULL);
    use_identity(bench->client_context, &identity);
    SSL_CTX_set_session_cache_mode(bench->client_context, SSL_SESS_CACHE_CLIENT);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX_set_max_proto_version(bench->client_context, version);
        assert_true(connects(bench, &client));
        expect_certificate(bench, &client, &identity);
        assert_int_equal(SSL_session_reused(client.ssl), 0);
        SSL_SESSION *session = SSL_get1_session(client.ssl);
        (void)SSL_shutdown(client.ssl);
        client_close(&client);

        int pair[2];
        open_pair(pair);
        client_begin(&client, bench, pair);
        assert_int_equal(SSL_set_session(client.ssl, session), 1);
        assert_true(client_shake_hands(&client, bench));
        assert_int_equal(SSL_session_reused(client.ssl), 1);
        expect_certificate(bench, &client, &identity);
        client_close(&client);

        /* Not when the files were read anew since: who may sign may have changed. */
        const struct tls_options options = {bench->identity.certificate_path, bench->identity.key_path, NULL, true};
        struct tls_error error;
        assert_true(tls_reload(bench->tls, &options, &error));
        open_pair(pair);
        client_begin(&client, bench, pair);
        assert_int_equal(SSL_set_session(client.ssl, session), 1);
        assert_true(client_shake_hands(&client, bench));
        assert_int_equal(SSL_session_reused(client.ssl), 0);
        client_close(&client);
        SSL_SESSION_free(session);
    }
    identity_free(&identity);
}

static bool shows(const struct client *client, const struct identity *identity)
{
    X509 *shown = SSL_get1_peer_certificate(client->ssl);
    bool same = shown != NULL && X509_cmp(shown, identity->certificate) == 0;
    X509_free(shown);
    return same;
}

static void files_read_anew(void **state)
{
    struct bench *bench = *state;
    struct identity next;
    struct client before, after, halfway;
    struct tls_error error;
    int pair[2];
    identity_make(&next, "next", NULL);
    assert_true(connects(bench, &before));
    assert_true(shows(&before, &bench->identity));
    open_pair(pair);
    client_begin(&halfway, bench, pair); /* accepted, and its handshake still to come */

    struct tls_options options = {next.certificate_path, bench->identity.key_path, NULL, true};
    assert_false(tls_reload(bench->tls, &options, &error));
    assert_int_equal(error.file, TLS_KEY);
    assert_true(connects(bench, &after));
    assert_true(shows(&after, &bench->identity)); /* nothing has changed */
    client_close(&after);

    options.key = next.key_path;
    assert_true(tls_reload(bench->tls, &options, &error));
    assert_true(connects(bench, &after));
    assert_true(shows(&after, &next));
    assert_true(client_shake_hands(&halfway, bench));
    assert_true(is_served(bench, &before));
    assert_true(is_served(bench, &after));
    assert_true(is_served(bench, &halfway));
    client_close(&before);
    client_close(&after);
    client_close(&halfway);
    identity_free(&next);
}

/* Who shakes hands when the drain begins may still ask once. */
static void drain_in_a_handshake(void **state)
{
    struct bench *bench = *state;
    struct client client, silent;
    int pair[2];
    open_pair(pair);
    client_begin(&client, bench, pair);
    open_pair(pair);
    client_begin(&silent, bench, pair);
    conn_home_drain(bench->home, bench_on_drained, bench);
    assert_true(client_shake_hands(&client, bench));
    assert_true(client_shake_hands(&silent, bench));
    assert_true(is_served(bench, &client));
    assert_non_null(strstr(client.in.bytes, "Connection: close"));
    assert_int_equal(bench->drained, 0);
    client_close(&client);
    bench_move(bench, 3 * CLOCK_SECOND);
    assert_int_equal(bench->drained, 1);
    client_close(&silent);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_cannot_be_served),
        TEST(every_byte_alone),
        TEST(slow_handshakes),
        TEST(what_is_not_tls),
        TEST(versions),
        TEST(no_renegotiation),
        TEST(new_keys),
        TEST(protocols),
        TEST(no_farewell),
        TEST(a_broken_record),
        TEST(certificates_of_clients),
        TEST(certificates_of_an_authority),
        TEST(sessions_go_on),
        TEST(files_read_anew),
        TEST(drain_in_a_handshake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
