/* SPDX-License-Identifier: MIT */
/* Schemas: the built-in one against the vendor's reference, every complaint about a bad file, sets and folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "search/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const PARAMETERS[] = {
    "page",
    "size",
    "orderBy",
    "dir",
    "WebHook_Business",
    "WebHook_Name",
    "WebHook_Action",
    "WebHook_Description",
    "WebHook_URL",
    "WebHook_Active",
    "WebHook_LastError",
    "WebHook_ErrorCount",
    "WebHook_LastTrigger",
    "from_WebHook_ErrorCount",
    "to_WebHook_ErrorCount",
    "from_WebHook_LastTrigger",
    "to_WebHook_LastTrigger",
    "from_WebHook_CreatedOn",
    "to_WebHook_CreatedOn",
    "from_WebHook_UpdatedOn",
    "to_WebHook_UpdatedOn",
    "Id",
    "UniqueId",
    "WebHook_SystemId",
};

enum { PARAMETER_COUNT = sizeof(PARAMETERS) / sizeof(PARAMETERS[0]) };

static const struct parameter *find(const struct schema *schema, const char *name)
{
    const struct parameter *parameter = schema_find(schema, slice_of(name));
    if (parameter == NULL)
        fail_msg("no parameter %s", name);
    return parameter;
}

static void the_built_in_schema_has_what_is_documented(void **state)
{
    (void)state;
    struct schema *schema = schema_builtin_webhooks();
    assert_true(slice_is(schema->entity, "webhooks"));
    assert_true(slice_is(schema->path, "/api/sys/webhooks"));
    assert_true(slice_is(schema->identity, "Id"));
    assert_int_equal(schema->parameter_count, PARAMETER_COUNT);
    for (size_t i = 0; i < PARAMETER_COUNT; i++)
        assert_true(slice_is(find(schema, PARAMETERS[i])->name, PARAMETERS[i]));
    for (size_t i = 1; i < schema->parameter_count; i++)
        assert_true(slice_compare(schema->parameters[i - 1].name, schema->parameters[i].name) < 0);

    assert_ptr_equal(schema->scope, find(schema, "WebHook_Business"));
    assert_ptr_equal(schema->page, find(schema, "page"));
    assert_ptr_equal(schema->size, find(schema, "size"));
    assert_int_equal(schema->page->max, INT32_MAX);
    assert_true(slice_is(schema->page->default_value, "1"));
    assert_int_equal(schema->size->max, 1000);
    assert_true(slice_is(schema->size->default_value, "25"));
    assert_true(slice_is(find(schema, "orderBy")->default_value, "Id"));
    assert_true(slice_is(find(schema, "dir")->default_value, "0"));
    assert_true(find(schema, "Id")->repeats);
    assert_false(find(schema, "UniqueId")->repeats);
    schema_free(schema);
}

static void the_built_in_schema_has_all_actions(void **state)
{
    (void)state;
    struct schema *schema = schema_builtin_webhooks();
    const struct parameter *action = find(schema, "WebHook_Action");
    assert_int_equal(action->value_count, 90);
    for (int64_t i = 0; i < 90; i++)
        assert_int_equal(action->numbers[i], i + 1);
    struct {
        const char *name;
        int64_t number;
        bool seen;
    } known[] = {{"None", 1, false}, {"BookingCreate", 6, false}, {"CoworkerPaymentMethodUpdate", 90, false}};
    for (size_t i = 0; i < action->value_count; i++) {
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
            if (slice_is(action->values[i].name, known[k].name)) {
                assert_int_equal(action->values[i].number, known[k].number);
                known[k].seen = true;
            }
        }
    }
    assert_true(known[0].seen && known[1].seen && known[2].seen);
    schema_free(schema);
}

static void names_are_found_in_any_case(void **state)
{
    (void)state;
    struct schema *schema = schema_builtin_webhooks();
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        char name[SCHEMA_NAME_MAX + 1];
        size_t length = strlen(PARAMETERS[i]);
        for (size_t at = 0; at <= length; at++) {
            char c = PARAMETERS[i][at];
            bool lower = c >= 'a' && c <= 'z';
            bool upper = c >= 'A' && c <= 'Z';
            name[at] = lower ? (char)(c - 'a' + 'A') : upper ? (char)(c - 'A' + 'a') : c;
        }
        assert_true(slice_is(find(schema, name)->name, PARAMETERS[i]));
        assert_null(schema_find(schema, slice_make(name, length - 1)));
    }
    /* bytes that differ from a name's by the bit of case, without being letters */
    assert_null(schema_find(schema, slice_of("WebHook\x7f"
                                             "Name")));
    assert_null(schema_find(schema, slice_of("")));
    char long_name[3 * SCHEMA_NAME_MAX];
    memset(long_name, 'a', sizeof(long_name));
    assert_null(schema_find(schema, slice_make(long_name, sizeof(long_name))));
    schema_free(schema);
}

#define HEAD "{\"entity\": \"e\", \"path\": \"/e\", \"identity\": \"Id\", "
#define PAGING                                                                                                         \
    "{\"name\": \"page\", \"type\": \"page\", \"default\": 1}, {\"name\": \"size\", \"type\": \"size\", \"default\": " \
    "25}"
#define WITH_ROW(row) HEAD "\"parameters\": [" PAGING ", " row "]}"

struct bad_row {
    const char *json;
    const char *complaint;
};

static const struct bad_row BAD[] = {
    {"", "e.json:1: "},
    {"{\n\"entity\": \"e\",\n", "e.json:3: "},
    {"{\"entity\": 1, \"entity\": 2}", "e.json:1: duplicate object key"},
    {"[]", "e.json: a schema is a JSON object"},
    {"{}", "e.json: \"parameters\" must be an array"},
    {"{\"parameters\": []}", "e.json: \"parameters\" must be an array of 1 to 128 rows"},
    {"{}", "\"entity\" must be"},
    {"{\"entity\": \"Web\"}", "\"entity\" must be"},
    {"{\"entity\": \"a:b\"}", "\"entity\" must be"},
    {"{\"entity\": 7}", "\"entity\" must be"},
    {"{}", "\"path\" must be"},
    {"{\"path\": \"api\"}", "\"path\" must be"},
    {"{\"path\": \"/a?b\"}", "\"path\" must be"},
    {"{}", "\"identity\" must be"},
    {"{\"identity\": \"a b\"}", "\"identity\" must be"},
    {"{\"comment\": \"\"}", "a schema has no member \"comment\""},
    {HEAD "\"parameters\": [{\"name\": \"size\", \"type\": \"size\", \"default\": 1}]}",
     "one parameter of type page, not 0"},
    {WITH_ROW("{\"name\": \"size2\", \"type\": \"size\", \"default\": 1}"), "one parameter of type size, not 2"},
    {WITH_ROW("7"), "parameter number 3 needs a \"name\""},
    {WITH_ROW("{\"type\": \"string\"}"), "parameter number 3 needs a \"name\""},
    {WITH_ROW("{\"name\": \"a&b\", \"type\": \"string\"}"), "parameter number 3 needs a \"name\""},
    {WITH_ROW("{\"name\": \"1a\", \"type\": \"string\"}"), "parameter number 3 needs a \"name\""},
    {WITH_ROW("{\"name\": \"PAGE\", \"type\": \"string\"}"), "is there twice (case does not count)"},
    {WITH_ROW("{\"name\": \"a\"}"), "parameter a: type must be one of integer, boolean"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"text\"}"), "parameter a: type must be one of"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"string\", \"help\": 1}"), "a row of type string has no member \"help\""},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"string\", \"min\": 1}"), "a row of type string has no member \"min\""},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"boolean\", \"repeats\": true}"), "has no member \"repeats\""},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"integer\", \"values\": [\"x\"]}"), "has no member \"values\""},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"integer\", \"repeats\": 1}"), "repeats must be true or false"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"integer\", \"min\": 1.5}"), "min must be an integer"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"integer\", \"min\": 2, \"max\": 1}"), "min is above max"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"enum\"}"), "values must be an object, name to number, of 1 to 1024"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"enum\", \"values\": [\"A\"]}"), "values must be an object"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"enum\", \"values\": {}}"), "values must be an object"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"enum\", \"values\": {\"A\": \"1\"}}"), "the number of \"A\" must be"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"enum\", \"values\": {\"A\": 1000000}}"), "the number of \"A\" must be"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"enum\", \"values\": {\"1\": 1}}"), "values: \"1\" is not a name"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"enum\", \"values\": {\"A\": 1, \"a\": 2}}"), "is there twice"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"property\", \"values\": {\"A\": 1}}"), "values must be an array of names"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"property\", \"values\": [\"A\", 1]}"), "values must be an array of names"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"property\", \"values\": [\"A b\"]}"), "\"A b\" is not a name"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"property\", \"default\": \"B\", \"values\": [\"A\"]}"),
     "default: The value"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"integer\", \"default\": 3, \"max\": 2}"),
     "default: The value of a is out"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"boolean\", \"default\": \"yes\"}"), "default: The value of a is neither"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"string\", \"default\": \"\"}"), "default must be a text"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"string\", \"default\": null}"), "default must be a text"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"string\", \"default\": \"x\", \"repeats\": true}"), "has no default"},
    {HEAD "\"parameters\": [{\"name\": \"page\", \"type\": \"page\"}]}", "a row of type page needs a default"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"page\", \"default\": 1, \"max\": 2147483648}"), "max must be an integer"},
    {WITH_ROW("{\"name\": \"a\", \"type\": \"size\", \"default\": 1, \"max\": 1001}"),
     "max must be an integer from 1 to 1000"},
    {HEAD "\"scope\": \"nobody\", \"parameters\": [" PAGING "]}", "\"scope\" must name a parameter of type integer"},
    {HEAD "\"scope\": \"page\", \"parameters\": [" PAGING "]}", "\"scope\" must name a parameter of type integer"},
    {HEAD "\"scope\": 1, \"parameters\": [" PAGING "]}", "\"scope\" must name a parameter"},
    {HEAD "\"scope\": \"a\", \"parameters\": [" PAGING
          ", {\"name\": \"a\", \"type\": \"integer\", \"repeats\": true}]}",
     "\"scope\" must name a parameter of type integer without default that does not repeat"},
};

static void every_mistake_is_a_complaint(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        struct complaints complaints;
        complaints_init(&complaints);
        assert_null(schema_read(slice_of(BAD[i].json), "e.json", &complaints));
        assert_true(complaints.errors > 0);
        buf_add_char(&complaints.text, '\0');
        if (strstr(complaints.text.bytes, BAD[i].complaint) == NULL)
            fail_msg("%s\ncomplains: %s\nnot: %s", BAD[i].json, complaints.text.bytes, BAD[i].complaint);
        complaints_free(&complaints);
    }
}

static void all_mistakes_are_told_at_once(void **state)
{
    (void)state;
    struct complaints complaints;
    complaints_init(&complaints);
    static const char JSON[] = "{\"entity\": \"E\", \"path\": \"\", \"x\": 1, \"parameters\": ["
                               "{\"name\": \"a\", \"type\": \"integer\", \"min\": true, \"repeats\": 0},"
                               "{\"name\": \"b\", \"type\": \"enum\"}, {}]}";
    assert_null(schema_read(slice_of(JSON), "e.json", &complaints));
    assert_int_equal(complaints.errors, 8); /* x, entity, path, identity; min, repeats; values; name */
    complaints_free(&complaints);
}

static struct schema *minimal(const char *entity, const char *path)
{
    struct complaints complaints;
    complaints_init(&complaints);
    char json[512];
    (void)snprintf(json, sizeof(json),
                   "{\"entity\": \"%s\", \"path\": \"%s\", \"identity\": \"Id\", \"parameters\": [" PAGING "]}", entity,
                   path);
    struct schema *schema = schema_read(slice_of(json), "minimal.json", &complaints);
    assert_non_null(schema);
    assert_int_equal(complaints.errors, 0);
    assert_null(schema->scope);
    complaints_free(&complaints);
    return schema;
}

static void a_set_finds_by_path_and_by_entity(void **state)
{
    (void)state;
    struct complaints complaints;
    complaints_init(&complaints);
    struct schema_set *set = schema_set_new();
    assert_null(schema_set_by_path(set, slice_of("/api/sys/webhooks")));
    assert_true(schema_set_add(set, schema_builtin_webhooks(), "(built in)", &complaints));
    assert_true(schema_set_add(set, minimal("a", "/api/a"), "a.json", &complaints));
    assert_int_equal(complaints.errors, 0);
    assert_false(schema_set_add(set, minimal("a", "/api/b"), "b.json", &complaints));
    assert_false(schema_set_add(set, minimal("b", "/api/a"), "b.json", &complaints));
    assert_int_equal(complaints.errors, 2);
    assert_true(slice_is(schema_set_by_path(set, slice_of("/api/sys/webhooks"))->entity, "webhooks"));
    assert_true(slice_is(schema_set_by_entity(set, slice_of("a"))->path, "/api/a"));
    assert_null(schema_set_by_path(set, slice_of("/api/sys/Webhooks")));
    assert_null(schema_set_by_path(set, slice_of("/api/a/")));
    assert_null(schema_set_by_entity(set, slice_of("b")));
    schema_set_free(set);
    complaints_free(&complaints);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *folder, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static void files_that_cannot_be_read_are_told(void **state)
{
    (void)state;
    char folder[] = "/tmp/schemas-XXXXXX", path[64];
    static char text[SCHEMA_FILE_MAX + 2];
    memset(text, ' ', SCHEMA_FILE_MAX + 1);
    assert_non_null(mkdtemp(folder));
    write_file(folder, "long.json", text);
    snprintf(path, sizeof(path), "%s/gone.json", folder);
    assert_int_equal(symlink("nowhere", path), 0);
    struct complaints complaints;
    complaints_init(&complaints);
    struct schema_set *set = schema_set_new();
    assert_false(schema_set_add_folder(set, folder, &complaints));
    assert_int_equal(complaints.errors, 2);
    assert_null(schema_read(slice_make(text, SCHEMA_FILE_MAX + 1), "text", &complaints));
    buf_add_char(&complaints.text, '\0');
    assert_non_null(strstr(complaints.text.bytes, "/gone.json: cannot be opened: "));
    assert_non_null(strstr(complaints.text.bytes, "/long.json: cannot be read, or is longer than "));
    assert_non_null(strstr(complaints.text.bytes, "text: longer than "));
    schema_set_free(set);
    complaints_free(&complaints);
    remove_file(folder, "long.json");
    remove_file(folder, "gone.json");
    assert_int_equal(rmdir(folder), 0);
}

static void a_folder_is_read_whole(void **state)
{
    (void)state;
    char folder[] = "/tmp/schemas-XXXXXX";
    assert_non_null(mkdtemp(folder));
    write_file(folder, "one.json", HEAD "\"parameters\": [" PAGING "]}");
    write_file(folder, "two.json",
               "{\"entity\": \"f\", \"path\": \"/f\", \"identity\": \"Id\", \"parameters\": [" PAGING "]}");
    write_file(folder, "notes.txt", "not JSON");
    write_file(folder, ".hidden.json", "not JSON");

    struct complaints complaints;
    complaints_init(&complaints);
    struct schema_set *set = schema_set_new();
    assert_true(schema_set_add_folder(set, folder, &complaints));
    assert_int_equal(complaints.errors, 0);
    assert_non_null(schema_set_by_path(set, slice_of("/e")));
    assert_non_null(schema_set_by_path(set, slice_of("/f")));
    schema_set_free(set);

    /* what is wrong in one file does not hide another, and names the file */
    write_file(folder, "bad.json", "{");
    set = schema_set_new();
    assert_false(schema_set_add_folder(set, folder, &complaints));
    assert_int_equal(complaints.errors, 1);
    assert_non_null(schema_set_by_path(set, slice_of("/f")));
    buf_add_char(&complaints.text, '\0');
    assert_non_null(strstr(complaints.text.bytes, "/bad.json:1: "));
    assert_true(strncmp(complaints.text.bytes, folder, strlen(folder)) == 0);

    assert_false(schema_set_add_folder(set, "/nowhere/at/all", &complaints));
    assert_int_equal(complaints.errors, 2);
    schema_set_free(set);
    complaints_free(&complaints);
    remove_file(folder, "one.json");
    remove_file(folder, "two.json");
    remove_file(folder, "notes.txt");
    remove_file(folder, ".hidden.json");
    remove_file(folder, "bad.json");
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_built_in_schema_has_what_is_documented),
        cmocka_unit_test(the_built_in_schema_has_all_actions),
        cmocka_unit_test(names_are_found_in_any_case),
        cmocka_unit_test(every_mistake_is_a_complaint),
        cmocka_unit_test(all_mistakes_are_told_at_once),
        cmocka_unit_test(a_set_finds_by_path_and_by_entity),
        cmocka_unit_test(files_that_cannot_be_read_are_told),
        cmocka_unit_test(a_folder_is_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
