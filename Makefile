# nexgate: make, make test, make demo. Nothing else is needed on a fresh Debian 12.
#
#   make               build/nexgate
#   make test          every test: lint, unit, flow, end to end; installs what is missing
#   make demo          the simulator, nexgate and a walk through what it does (ONCE=1: exit after the walk)
#   make deps          install what is missing
#   make deb           build/nexgate_VERSION_ARCH.deb
#   make install       the program, the manual and the sample configuration, below DESTDIR and PREFIX (/usr/local)
#   make unit | flow | e2e | lint | tsan      one suite
#   make bench         what it costs, beside nginx, HAProxy and Varnish; bench-quick, bench-check: docs/performance.md
#   make fuzz          every fuzzer for a minute (TIME=600: for ten); make fuzz-afl: by AFL++ instead of libFuzzer
#   make coverage      which lines the unit, flow and end-to-end tests reach; SUITES="unit flow": only these
#   make analyze       gcc's -fanalyzer over every source: any finding fails
#   make soak          everything at once for TIME (10m), every answer judged: docs/testing.md
#
# A variant is a build with other flags in a folder of its own:
#   release   build/            what is shipped
#   check     build/check/      clock that tests can move, address and undefined-behaviour sanitizers
#   race      build/race/       the same clock, thread sanitizer
#   moved     build/moved/      the same clock, no sanitizer (for valgrind and quick runs)
#   fuzz      build/fuzz/       clang with coverage for libFuzzer
#   afl       build/afl/        the same fuzzers for AFL++
#   cover     build/cover/      the same clock, counts what each line does (gcov)

VARIANT ?= release
CC      ?= gcc
PYTHON  := /usr/bin/python3

BUILD-release := build
BUILD-check   := build/check
BUILD-race    := build/race
BUILD-moved   := build/moved
BUILD-fuzz    := build/fuzz
BUILD-afl     := build/afl
BUILD-cover   := build/cover
BUILD         := $(BUILD-$(VARIANT))

# Tests move the clock and let allocations fail.
DOORS := -DNEXGATE_MOVABLE_CLOCK -DNEXGATE_FAILING_MEMORY

CFLAGS-release := -O2 -D_FORTIFY_SOURCE=3
CFLAGS-check   := -O1 -fsanitize=address,undefined,pointer-compare,pointer-subtract -fno-sanitize-recover=all -fno-omit-frame-pointer $(DOORS)
# gcc sees ghosts between the sanitizer's calls; the other variants ask for uninitialised values.
CFLAGS-race    := -O1 -fsanitize=thread -fno-omit-frame-pointer $(DOORS) -Wno-error=maybe-uninitialized
CFLAGS-moved   := -O1 $(DOORS)
CFLAGS-fuzz    := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all $(DOORS)
CFLAGS-afl     := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all $(DOORS)

CFLAGS-cover   := -O0 --coverage -fprofile-update=atomic $(DOORS)

PACKAGES := libevent_core libcurl jansson hiredis libssl libcrypto libxxhash liblz4 libseccomp
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef -Wvla -Wpointer-arith \
            -Wwrite-strings -Wimplicit-fallthrough -Wconversion -Werror
# Cutting a text to its buffer is what snprintf is used for; clang has no such warning to silence.
WARNINGS += $(if $(findstring clang,$(CC)),,-Wno-format-truncation)
HARDEN   := -fstack-protector-strong -fPIE
LINK     := -pie -Wl,-z,relro,-z,now -pthread

# Asked once, and only when something is compiled: the packages may be installed by this very run.
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES)))$(PACKAGE_CFLAGS)
PACKAGE_LIBS   = $(eval PACKAGE_LIBS := $(shell pkg-config --libs $(PACKAGES)))$(PACKAGE_LIBS)

ALL_CFLAGS  = -std=c11 -D_GNU_SOURCE -g $(WARNINGS) $(HARDEN) $(CFLAGS-$(VARIANT)) -Iinclude -I$(BUILD)/made \
              $(PACKAGE_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(LINK) $(filter -fsanitize=% --coverage,$(CFLAGS-$(VARIANT))) $(LDFLAGS)
ALL_LIBS    = $(PACKAGE_LIBS)
TEST_LIBS   = $(ALL_LIBS) $(shell pkg-config --libs cmocka)
# The flow tests' Redis runs the scripts' text.
LUA_CFLAGS  = $(shell pkg-config --cflags lua5.1)
LUA_LIBS    = $(shell pkg-config --libs lua5.1)

# `make V=1` shows the commands.
ifeq ($(V),)
quiet = @printf '  %-4s %s\n' $(1) $@;
endif

SOURCES := $(sort $(wildcard gateway/*.c gateway/*/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/obj/%.o)
# Everything but main: what the unit and flow tests link.
LIBRARY := $(filter-out $(BUILD)/obj/gateway/main.o,$(OBJECTS)) $(BUILD)/obj/made/webhooks_schema.o $(BUILD)/obj/made/quota_lua.o \
           $(BUILD)/obj/made/dashboard_html.o

UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
FLOW_TESTS := $(patsubst tests/flow/%.c,$(BUILD)/flow/%,$(wildcard tests/flow/test_*.c))
FUZZERS    := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
FLOW_PARTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out $(wildcard tests/flow/test_*.c),$(wildcard tests/flow/*.c)))

.DELETE_ON_ERROR:
.PHONY: all deps test unit flow e2e lint tsan demo clean programs deb

all: deps
	@$(MAKE) --no-print-directory -j$$(nproc) programs

programs: $(BUILD)/nexgate

deps:
	@tests/deps.sh

$(BUILD)/nexgate: $(BUILD)/obj/gateway/main.o $(LIBRARY)
	$(call quiet,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The webhooks schema, built in.
$(BUILD)/made/webhooks_schema.c: conf/entities/webhooks.json Makefile
	@mkdir -p $(@D)
	@{ echo '#include "search/builtin.h"'; echo 'const char schema_webhooks_json[] = {'; \
	   od -An -v -tx1 $< | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'; echo '0};'; \
	   echo 'const size_t schema_webhooks_json_length = sizeof schema_webhooks_json - 1;'; } >$@

# The script that decides in Redis.
$(BUILD)/made/quota_lua.c: gateway/client/quota.lua Makefile
	@mkdir -p $(@D)
	@{ echo '#include "client/quota_script.h"'; echo 'const char quota_lua[] = {'; \
	   od -An -v -tx1 $< | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'; echo '0};'; } >$@

# The dashboard, built in.
$(BUILD)/made/dashboard_html.c: gateway/admin/dashboard.html Makefile
	@mkdir -p $(@D)
	@{ echo '#include "admin/dashboard.h"'; echo 'const char dashboard_html[] = {'; \
	   od -An -v -tx1 $< | sed 's/ \([0-9a-f][0-9a-f]\)/(char)0x\1,/g'; echo '0};'; \
	   echo 'const size_t dashboard_html_length = sizeof dashboard_html - 1;'; } >$@

$(BUILD)/obj/made/%.o: $(BUILD)/made/%.c
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit/%: tests/unit/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(call quiet,TEST)$(CC) $(ALL_CFLAGS) -Itests -MMD -MP -MF $@.d $(ALL_LDFLAGS) -o $@ $< $(LIBRARY) $(TEST_LIBS)

$(BUILD)/flow/%: tests/flow/%.c $(FLOW_PARTS) $(LIBRARY)
	@mkdir -p $(@D)
	$(call quiet,TEST)$(CC) $(ALL_CFLAGS) -Itests -MMD -MP -MF $@.d $(ALL_LDFLAGS) -o $@ $< $(FLOW_PARTS) $(LIBRARY) $(TEST_LIBS) $(LUA_LIBS)

$(BUILD)/obj/tests/flow/puppet_lua.o $(BUILD)/obj/tests/flow/quota_server.o: ALL_CFLAGS += $(LUA_CFLAGS)

test: deps
	@tests/run.sh

unit flow e2e lint tsan: deps
	@tests/run.sh $@

REFERENCE := $(BUILD)/obj/tests/reference/normalise.o

$(BUILD)/obj/tests/%.o: ALL_CFLAGS += -Itests

$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(REFERENCE) $(LIBRARY)
	$(call quiet,FUZZ)$(CC) $(ALL_CFLAGS) -Itests -fsanitize=fuzzer -MMD -MP -MF $@.d $(ALL_LDFLAGS) -o $@ $< $(REFERENCE) $(LIBRARY) $(ALL_LIBS)

.PHONY: unit-programs flow-programs fuzz-programs fuzz fuzz-afl
fuzz-programs: $(FUZZERS)
fuzz: deps
	@tests/fuzz/run.sh
fuzz-afl: deps
	@tests/fuzz/afl.sh

.PHONY: analyze
analyze: programs
	@tests/analyze.sh

.PHONY: coverage
coverage: deps
	@tests/coverage/run.sh $(SUITES)

.PHONY: soak
soak: TIME ?= 10m
soak: deps
	@$(MAKE) --no-print-directory -j$$(nproc) programs
	@$(PYTHON) tests/soak/soak.py --time $(TIME)

unit-programs: $(UNIT_TESTS)
flow-programs: $(FLOW_TESTS)

demo: deps
	@$(MAKE) --no-print-directory -j$$(nproc) programs
	@$(PYTHON) tests/demo.py

# bench: every workload against the peers (docs/performance.md). bench-quick: one short round, nothing written.
# bench-check: instructions a request against the recorded ones; RECORD=1 records them.
.PHONY: bench bench-quick bench-check
bench:       BENCH := bench.py
bench-quick: BENCH := bench.py --rounds 1 --seconds 1 --dry
bench-check: BENCH := check.py $(if $(RECORD),--record)
bench bench-quick bench-check: deps
	@bench/deps.sh
	@$(MAKE) --no-print-directory -j$$(nproc) programs
	@$(PYTHON) bench/$(BENCH)

deb: deps
	@$(MAKE) --no-print-directory -j$$(nproc) programs
	@packaging/deb.sh

# For packages: DESTDIR=debian/nexgate PREFIX=/usr. The sample configuration goes where nothing reads it by itself.
PREFIX ?= /usr/local
SHARE   = $(DESTDIR)$(PREFIX)/share
.PHONY: install
install: programs
	install -D -m 755 $(BUILD)/nexgate $(DESTDIR)$(PREFIX)/bin/nexgate
	install -D -m 644 docs/man/nexgate.1 $(SHARE)/man/man1/nexgate.1
	install -D -m 644 docs/man/nexgate.conf.5 $(SHARE)/man/man5/nexgate.conf.5
	install -D -m 644 -t $(SHARE)/nexgate conf/nexgate.conf conf/nexgate.min.conf
	install -D -m 644 -t $(SHARE)/nexgate/entities conf/entities/webhooks.json

clean:
	rm -rf build

-include $(OBJECTS:.o=.d) $(wildcard $(BUILD)/fuzz_*.d $(BUILD)/unit/*.d $(BUILD)/flow/*.d $(BUILD)/obj/tests/*/*.d)
