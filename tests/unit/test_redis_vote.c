/* SPDX-License-Identifier: MIT */
/* Whom sentinels name: most of them, and a master that works is left only for most of all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "io/redis_vote.h"

#include <string.h>

/* What a row's sentinels say, a letter each: the place they name, '-' that they know none, '.' nothing. */
struct row {
    const char *said;
    char used;   /* the place of the master that works; 0: none */
    char winner; /* 0: none */
    bool is_decided;
};

static struct redis_place place_of(char letter)
{
    return (struct redis_place){.host = {letter}, .port = 6379};
}

static void hold(struct redis_vote *vote, const char *said)
{
    redis_vote_begin(vote, strlen(said));
    for (size_t i = 0; said[i] != '\0'; i++) {
        const struct redis_place place = place_of(said[i]);
        if (said[i] != '.')
            redis_vote_cast(vote, i, said[i] != '-' ? &place : NULL);
    }
}

static void the_table_holds(void **state)
{
    static const struct row ROWS[] = {
        {"...", 0, 0, false},      {"---", 0, 0, false},       {"a..", 0, 'a', false},   {"aa.", 0, 'a', true},
        {"ab.", 0, 'a', false},    {"ba.", 0, 'b', false},     {"ab.", 'b', 'b', false}, {"abb", 'a', 'b', true},
        {"b..", 'a', 'a', false},  /* most of those who answer are not most of all */
        {"bb..", 'a', 'a', false}, /* nor is half */
        {"bbb..", 'a', 'b', true}, {"bbc..", 'a', 'a', false}, {"-bb", 'a', 'b', true},  {"--b", 'a', 'a', false},
        {"---", 'a', 0, false}, /* nobody names anybody, not even the one that works */
        {"a", 'a', 'a', true},     {"b", 'a', 'b', true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct redis_vote vote;
        const struct redis_place used = place_of(ROWS[i].used);
        const struct redis_place *given = ROWS[i].used != 0 ? &used : NULL;
        hold(&vote, ROWS[i].said);
        const struct redis_place *winner = redis_vote_winner(&vote, given);
        if ((winner != NULL ? winner->host[0] : 0) != ROWS[i].winner ||
            redis_vote_is_decided(&vote, given) != ROWS[i].is_decided)
            fail_msg("row %zu: %s", i, ROWS[i].said);
        size_t answers = 0;
        for (const char *c = ROWS[i].said; *c != '\0'; c++)
            answers += *c != '.';
        assert_int_equal(redis_vote_answers(&vote), answers);
    }
}

/* Once it is decided, no answer that is still to come changes who wins. */
static void what_is_decided_stays(void **state)
{
    struct random random;
    (void)state;
    random_init(&random, 7);
    for (int round = 0; round < 20000; round++) {
        struct redis_vote vote;
        size_t voters = (size_t)random_between(&random, 1, REDIS_HOSTS_MAX);
        const struct redis_place used = place_of((char)random_between(&random, 'a', 'c'));
        const struct redis_place *given = random_between(&random, 0, 1) == 0 ? &used : NULL;
        char decided = 0;
        redis_vote_begin(&vote, voters);
        for (size_t i = 0; i < voters; i++) {
            const struct redis_place place = place_of((char)random_between(&random, 'a', 'c'));
            redis_vote_cast(&vote, i, random_between(&random, 0, 4) > 0 ? &place : NULL);
            if (decided != 0)
                assert_int_equal(redis_vote_winner(&vote, given)->host[0], decided);
            else if (redis_vote_is_decided(&vote, given))
                decided = redis_vote_winner(&vote, given)->host[0];
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_table_holds), cmocka_unit_test(what_is_decided_stays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
