# openmvd: one Makefile for all. Everything is built into $(BUILD).
#
#   make            the daemon, the command line client, the simulated camera, the library
#   make demo       installs what is missing, builds, and shows the main job with the simulated camera
#   make check      installs what is missing, builds, and runs the tests
#
# Choices: BUILD=dir  CC=gcc|clang  SANITIZE=address,undefined|thread  WERROR=1  PREFIX=/usr/local  DESTDIR=

BUILD   ?= build
PREFIX  ?= /usr/local
VERSION := 0.1.0
CFLAGS  ?= -O2 -g

PKG_LIB    := libserialport
PKG_DAEMON := libevent libcjson libserialport
PKG_SIM    := libjpeg
PKG_CLI    := libcjson
PKG_TESTS  := check

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion $(if $(WERROR),-Werror)
CPPFLAGS += -D_GNU_SOURCE -DOPENMVD_VERSION='"$(VERSION)"' -Ilibopenmvrpc -Idaemon -I.
ALL_CFLAGS = -std=c11 $(WARNINGS) -fvisibility=hidden -pthread $(CFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
ALL_LDFLAGS = -pthread $(LDFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE))

pkg_cflags = $(shell pkg-config --cflags $(1) 2>/dev/null)
pkg_libs   = $(shell pkg-config --libs $(1) 2>/dev/null)

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIB_SOURCES    := $(wildcard libopenmvrpc/*.c libopenmvrpc/link/*.c)
DAEMON_SOURCES := $(wildcard daemon/*.c daemon/methods/*.c)
SIM_SOURCES    := $(wildcard sim/*.c)
CLI_SOURCES    := $(wildcard cli/*.c)
HELPER_SOURCES := $(wildcard tests/helpers/*.c)
VTIME_SOURCES  := $(wildcard tests/sim/*.c)
UNIT_SOURCES   := $(filter-out tests/unit/main.c,$(wildcard tests/unit/test_*.c))
BENCH_SOURCES  := $(wildcard bench/*.c)

LIB_STATIC := $(BUILD)/libopenmvrpc.a
LIB_SHARED := $(BUILD)/libopenmvrpc.so.0
PROGRAMS   := $(BUILD)/openmvd $(BUILD)/openmvctl $(BUILD)/openmv-sim
DAEMON_PARTS := $(filter-out %/main.o,$(call objects,$(DAEMON_SOURCES)))
SIM_PARTS    := $(filter-out %/main.o,$(call objects,$(SIM_SOURCES)))
UNIT_TESTS   := $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/tests/%)
HELPERS      := $(HELPER_SOURCES:tests/helpers/%.c=$(BUILD)/tests/%)
BENCHES      := $(BENCH_SOURCES:bench/%.c=$(BUILD)/bench/%)

.PHONY: all demo check bench simulate fuzz install uninstall clean dependencies tests format
.DELETE_ON_ERROR:

all: $(PROGRAMS) $(LIB_STATIC) $(BUILD)/libopenmvrpc.so $(BUILD)/openmvrpc.pc

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

PKG_CFLAGS := $(call pkg_cflags,$(PKG_DAEMON) $(PKG_SIM))
$(BUILD)/libopenmvrpc/%.o: ALL_CFLAGS += -fPIC

$(LIB_STATIC): $(call objects,$(LIB_SOURCES))
	@rm -f $@
	$(AR) rcs $@ $^

$(LIB_SHARED): $(call objects,$(LIB_SOURCES))
	$(CC) -shared -Wl,-soname,libopenmvrpc.so.0 -Wl,-z,defs $(ALL_LDFLAGS) -o $@ $^ $(call pkg_libs,$(PKG_LIB))

$(BUILD)/libopenmvrpc.so: $(LIB_SHARED)
	ln -sf $(notdir $<) $@

$(BUILD)/openmvrpc.pc: libopenmvrpc/openmvrpc.pc.in Makefile
	@mkdir -p $(@D)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' $< >$@

$(BUILD)/openmvd: $(call objects,$(DAEMON_SOURCES)) $(SIM_PARTS) $(LIB_STATIC)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pkg_libs,$(PKG_DAEMON) $(PKG_SIM)) -lm

$(BUILD)/openmv-sim: $(call objects,$(SIM_SOURCES)) $(LIB_STATIC)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pkg_libs,$(PKG_SIM) $(PKG_LIB)) -lm

$(BUILD)/openmvctl: $(call objects,$(CLI_SOURCES))
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pkg_libs,$(PKG_CLI)) -lm

# Tests and helpers are linked with everything but the programs' own main().
TEST_PARTS = $(DAEMON_PARTS) $(SIM_PARTS) $(BUILD)/tests/sim/stock_slave.o $(LIB_STATIC)
TEST_LIBS  = $(call pkg_libs,$(PKG_DAEMON) $(PKG_SIM) $(PKG_TESTS)) -lm

$(BUILD)/tests/test_%: $(BUILD)/tests/unit/test_%.o $(BUILD)/tests/unit/main.o $(TEST_PARTS)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS)

$(HELPERS): $(BUILD)/tests/%: $(BUILD)/tests/helpers/%.o $(TEST_PARTS)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS)

$(BUILD)/simulate: $(call objects,$(VTIME_SOURCES)) $(DAEMON_PARTS) $(SIM_PARTS) $(LIB_STATIC)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS)

$(BENCHES): $(BUILD)/bench/%: $(BUILD)/bench/%.o $(TEST_PARTS)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS)

tests: all $(UNIT_TESTS) $(HELPERS) $(BUILD)/simulate

clean:
	rm -rf $(BUILD)

format:
	clang-format -i $(shell git ls-files '*.c' '*.h')

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
