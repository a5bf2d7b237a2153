/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/mailbox.h"

#include <pthread.h>

enum { SENDERS = 4, LETTERS_EACH = 5000 };

struct note {
    struct letter letter;
    int sender;
    int number;
    struct note *answer; /* posted when this one is opened */
};

/* Whoever opens the letters. */
struct reader {
    struct loop *loop;
    struct mailbox *mailbox;
    int opened;
    int last[SENDERS]; /* number of the last letter from each */
    int stop_after;
};

static void on_open(struct letter *letter, void *receiver)
{
    struct note *note = MEM_OUTER(letter, struct note, letter);
    struct reader *reader = receiver;

    assert_int_equal(note->number, reader->last[note->sender] + 1);
    reader->last[note->sender] = note->number;
    reader->opened++;
    if (note->answer != NULL)
        mailbox_post(reader->mailbox, &note->answer->letter);
    if (reader->opened == reader->stop_after)
        loop_stop(reader->loop);
}

static struct note note_of(int sender, int number)
{
    return (struct note){.letter = {.on_open = on_open}, .sender = sender, .number = number};
}

static int set_up(void **state)
{
    struct reader *reader = mem_new(sizeof *reader);

    reader->loop = loop_new(clock_new());
    assert_non_null(reader->loop);
    reader->mailbox = mailbox_new(reader->loop, reader);
    assert_non_null(reader->mailbox);
    *state = reader;
    return 0;
}

static int tear_down(void **state)
{
    struct reader *reader = *state;
    struct clock *clock = (struct clock *)(uintptr_t)loop_clock(reader->loop);

    mailbox_free(reader->mailbox);
    loop_free(reader->loop);
    clock_free(clock);
    mem_free(reader);
    return 0;
}

static void letters_are_opened_in_the_order_they_were_posted(void **state)
{
    struct reader *reader = *state;
    struct note notes[100];

    assert_false(loop_turn(reader->loop));
    for (int i = 0; i < 100; i++) {
        notes[i] = note_of(0, i + 1);
        mailbox_post(reader->mailbox, &notes[i].letter);
    }
    assert_int_equal(reader->opened, 0);
    assert_true(loop_turn(reader->loop)); /* one wake-up for all */
    assert_int_equal(reader->opened, 100);
    assert_false(loop_turn(reader->loop));
}

static void a_letter_may_post_another(void **state)
{
    struct reader *reader = *state;
    struct note second = note_of(0, 2), first = note_of(0, 1);

    first.answer = &second;
    mailbox_post(reader->mailbox, &first.letter);
    while (loop_turn(reader->loop))
        ;
    assert_int_equal(reader->opened, 2);
}

static void unopened_letters_are_opened_when_the_box_is_freed(void **state)
{
    struct reader *reader = *state;
    struct note second = note_of(0, 2), first = note_of(0, 1);

    first.answer = &second;
    mailbox_post(reader->mailbox, &first.letter);
    mailbox_free(reader->mailbox);
    assert_int_equal(reader->opened, 2);
    reader->mailbox = mailbox_new(reader->loop, reader);
}

struct sender {
    struct mailbox *mailbox;
    struct note *notes;
};

static void *send_all(void *context)
{
    struct sender *sender = context;

    for (int i = 0; i < LETTERS_EACH; i++)
        mailbox_post(sender->mailbox, &sender->notes[i].letter);
    return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
    static struct note notes[SENDERS][LETTERS_EACH];
    struct reader *reader = *state;
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];

    reader->stop_after = SENDERS * LETTERS_EACH;
    for (int s = 0; s < SENDERS; s++) {
        for (int i = 0; i < LETTERS_EACH; i++)
            notes[s][i] = note_of(s, i + 1);
        senders[s] = (struct sender){reader->mailbox, notes[s]};
        assert_int_equal(pthread_create(&threads[s], NULL, send_all, &senders[s]), 0);
    }
    loop_run(reader->loop);
    for (int s = 0; s < SENDERS; s++) {
        assert_int_equal(pthread_join(threads[s], NULL), 0);
        assert_int_equal(reader->last[s], LETTERS_EACH);
    }
    assert_int_equal(reader->opened, SENDERS * LETTERS_EACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(letters_are_opened_in_the_order_they_were_posted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_letter_may_post_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unopened_letters_are_opened_when_the_box_is_freed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_lost_between_threads, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
