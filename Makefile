# openmvd: one Makefile for all. Everything is built into $(BUILD).
#
# `make help` says what there is. Choices:
#
#   BUILD=dir                       build, or with a sanitizer a folder named after it
#   CC=gcc|clang  CFLAGS='-O2 -g'  WERROR=1 (warnings are errors)  V=1 (show the commands)
#   SANITIZE=address,undefined|thread
#   PREFIX=/usr/local  DESTDIR=

comma   := ,
BUILD   ?= build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
PREFIX  ?= /usr/local
VERSION := 0.1.0
CFLAGS  ?= -O2 -g
OBJCOPY ?= objcopy
export BUILD

PKG_LIB    := libgpiod
PKG_DAEMON := libevent libcjson libserialport libudev $(PKG_LIB)
PKG_SIM    := libjpeg
PKG_CLI    := libcjson
PKG_TESTS  := check

# Objects with and without a sanitizer do not mix, so a folder remembers which it was built with.
BUILT_WITH := $(shell cat $(BUILD)/sanitizer 2>/dev/null)
ifeq ($(SANITIZE),)
SANITIZE := $(BUILT_WITH)
else ifneq ($(wildcard $(BUILD)/sanitizer),)
ifneq ($(SANITIZE),$(BUILT_WITH))
$(error $(BUILD) was not built with SANITIZE=$(SANITIZE); choose another BUILD, or remove it)
endif
endif

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion $(if $(WERROR),-Werror)
CPPFLAGS += -D_GNU_SOURCE -DOPENMVD_VERSION='"$(VERSION)"' -Ilibopenmvrpc -Ilibopenmvd -Icapture -Idaemon -I.
SANITIZER := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
ALL_CFLAGS = -std=c11 $(WARNINGS) -fvisibility=hidden -pthread $(CFLAGS) $(SANITIZER)
ALL_LDFLAGS = -pthread $(LDFLAGS) $(SANITIZER)

pkg_cflags = $(shell pkg-config --cflags $(1) 2>/dev/null)
pkg_libs   = $(shell pkg-config --libs $(1) 2>/dev/null)
PKG_CFLAGS := $(call pkg_cflags,$(PKG_DAEMON) $(PKG_SIM))

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
# libgpiod 2 shares little but its name with libgpiod 1.
GPIOD_MAJOR    := $(firstword $(subst ., ,$(shell pkg-config --modversion libgpiod 2>/dev/null)))
OTHER_GPIOD    := libopenmvrpc/gpio_v$(if $(filter 2,$(GPIOD_MAJOR)),1,2).c
LIB_SOURCES    := $(filter-out $(OTHER_GPIOD),$(wildcard libopenmvrpc/*.c libopenmvrpc/link/*.c))
CLIENT_SOURCES := $(wildcard libopenmvd/*.c)
CAPTURE_SOURCES := $(wildcard capture/*.c)
DAEMON_SOURCES := $(wildcard daemon/*.c daemon/methods/*.c)
SIM_SOURCES    := $(wildcard sim/*.c)
CLI_SOURCES    := $(wildcard cli/*.c) daemon/usb_ids.c
HELPER_SOURCES := $(wildcard tests/helpers/*.c)
DEVICE_SOURCES := $(wildcard tests/devices/*.c)
VTIME_SOURCES  := $(wildcard tests/sim/*.c)
UNIT_SOURCES   := $(wildcard tests/unit/test_*.c)
BENCH_SOURCES  := $(wildcard bench/*.c)
FUZZ_SOURCES   := $(wildcard tests/fuzz/fuzz_*.c)

LIB_STATIC := $(BUILD)/libopenmvrpc.a
LIB_SHARED := $(BUILD)/libopenmvrpc.so.0
CLIENT_STATIC := $(BUILD)/libopenmvd.a
CLIENT_SHARED := $(BUILD)/libopenmvd.so.0
CAPTURE_PARTS := $(call objects,$(CAPTURE_SOURCES))
PROGRAMS   := $(BUILD)/openmvd $(BUILD)/openmvctl $(BUILD)/openmv-sim
DAEMON_PARTS := $(filter-out %/main.o,$(call objects,$(DAEMON_SOURCES)))
SIM_PARTS    := $(filter-out %/main.o,$(call objects,$(SIM_SOURCES)))
UNIT_TESTS   := $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/tests/%)
HELPERS      := $(HELPER_SOURCES:tests/helpers/%.c=$(BUILD)/tests/%)
FUZZERS      := $(FUZZ_SOURCES:tests/fuzz/%.c=$(BUILD)/%)

# One line a file on the screen, the whole command with V=1.
Q   := $(if $(V),,@)
say = @printf '  %-5s %s\n' $(1) $(2)
# What a recipe gives to the make it calls where nobody has said -j. (In a recipe MAKEFLAGS shows whether.)
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: all help dependencies demo tests check soak check-firmware check-devices simulate bench fuzz fuzzers lint format install uninstall clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS) $(LIB_STATIC) $(BUILD)/libopenmvrpc.so $(BUILD)/openmvrpc.pc \
    $(CLIENT_STATIC) $(BUILD)/libopenmvd.so $(BUILD)/openmvd.pc

help:
	@echo 'make                the daemon, the command line client, the simulated camera, the libraries'
	@echo 'make dependencies   installs the packages that building and checking need'
	@echo 'make demo           installs what is missing, builds, and shows a simulated camera being asked'
	@echo 'make check          installs what is missing, builds, and runs the tests (tests/README.md)'
	@echo 'make check-firmware installs MicroPython by npm and runs the tests of the camera scripts'
	@echo 'make check-devices  fetches a kernel and runs the tests of its drivers in a virtual machine'
	@echo 'make soak           loses and finds a camera LOSSES=1000 times, and has 64 clients of all habits for SOAK_SECONDS=60'
	@echo 'make simulate       runs many worlds in virtual time: SEEDS=1000 FIRST_SEED=1'
	@echo 'make bench          measures speed and latency, also into build/bench.json'
	@echo 'make fuzz           runs each fuzzer for FUZZ_SECONDS=30 (needs clang)'
	@echo 'make lint           looks for mistakes without running anything; make format lays out the sources'
	@echo 'make install        into PREFIX=/usr/local, below DESTDIR=; make uninstall takes it away again'
	@echo 'make clean          removes the build'
	@sed -n '/^# .make help/,/^$$/s/^# \{0,1\}//p' Makefile | tail -n +2

$(BUILD)/sanitizer:
	@mkdir -p $(@D)
	@for library in $(PKG_DAEMON) $(PKG_SIM); do pkg-config --exists $$library || missing="$$missing $$library"; done; \
	[ -z "$$missing" ] || { echo "Libraries are missing:$$missing. Try \`make dependencies\`."; exit 1; }
	@echo '$(SANITIZE)' >$@

$(BUILD)/%.o: %.c | $(BUILD)/sanitizer
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libopenmvrpc/%.o $(BUILD)/libopenmvd/%.o: ALL_CFLAGS += -fPIC

$(LIB_STATIC): $(call objects,$(LIB_SOURCES))
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# One object, in which the hidden names are local: a program may have a message_free() of its own.
$(CLIENT_STATIC): $(call objects,$(CLIENT_SOURCES))
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(LD) -r -o $(@:.a=.o) $^
	$(Q)$(OBJCOPY) --localize-hidden $(@:.a=.o)
	$(Q)$(AR) rcs $@ $(@:.a=.o)

# A sanitizer's symbols come from the program, so only a plain library can be checked for being whole.
$(LIB_SHARED): $(call objects,$(LIB_SOURCES))
$(LIB_SHARED): SHARED_LIBS = $(call pkg_libs,$(PKG_LIB))
$(CLIENT_SHARED): $(call objects,$(CLIENT_SOURCES))
$(LIB_SHARED) $(CLIENT_SHARED):
	$(call say,LINK,$@)
	$(Q)$(CC) -shared -Wl,-soname,$(@F) $(if $(SANITIZE),,-Wl$(comma)-z$(comma)defs) $(ALL_LDFLAGS) -o $@ $^ $(SHARED_LIBS)

$(BUILD)/libopenmvrpc.so: $(LIB_SHARED)
$(BUILD)/libopenmvd.so: $(CLIENT_SHARED)
$(BUILD)/libopenmvrpc.so $(BUILD)/libopenmvd.so:
	$(Q)ln -sf $(<F) $@

# Made anew each time, since PREFIX may have changed.
$(BUILD)/openmvrpc.pc: libopenmvrpc/openmvrpc.pc.in FORCE
$(BUILD)/openmvd.pc: libopenmvd/openmvd.pc.in FORCE
$(BUILD)/openmvrpc.pc $(BUILD)/openmvd.pc:
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' $< >$@

link = $(call say,LINK,$@)$(newline)$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^
define newline


endef

$(BUILD)/openmvd: $(call objects,$(DAEMON_SOURCES)) $(SIM_PARTS) $(CAPTURE_PARTS) $(LIB_STATIC)
	$(link) $(call pkg_libs,$(PKG_DAEMON) $(PKG_SIM)) -lm

$(BUILD)/openmv-sim: $(call objects,$(SIM_SOURCES)) $(CAPTURE_PARTS) $(LIB_STATIC)
	$(link) $(call pkg_libs,$(PKG_SIM)) -lm

$(BUILD)/openmvctl: $(call objects,$(CLI_SOURCES) $(CLIENT_SOURCES)) $(CAPTURE_PARTS) $(LIB_STATIC)
	$(link) $(call pkg_libs,$(PKG_CLI)) -lm

# openmvctl and the daemon have a few names in common, so tests take from this archive only the files they need.
$(BUILD)/openmvctl.a: $(filter-out %/main.o,$(call objects,$(filter cli/%,$(CLI_SOURCES)) $(CLIENT_SOURCES)))
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# Tests and helpers are linked with everything but the programs' own main().
TEST_PARTS = $(DAEMON_PARTS) $(SIM_PARTS) $(CAPTURE_PARTS) $(BUILD)/tests/sim/stock_slave.o $(LIB_STATIC)
TEST_LIBS  = $(call pkg_libs,$(PKG_DAEMON) $(PKG_SIM) $(PKG_TESTS)) -lm

$(UNIT_TESTS): $(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(BUILD)/tests/unit/main.o $(TEST_PARTS) $(CLIENT_STATIC) $(BUILD)/openmvctl.a
	$(link) $(TEST_LIBS)

$(HELPERS): $(BUILD)/tests/%: $(BUILD)/tests/helpers/%.o $(TEST_PARTS)
	$(link) $(TEST_LIBS)

$(BUILD)/tests/virtual_usb: $(call objects,$(DEVICE_SOURCES)) $(SIM_PARTS) $(CAPTURE_PARTS) $(LIB_STATIC)
	$(link) $(call pkg_libs,$(PKG_SIM)) -lm

$(BUILD)/simulate: $(call objects,$(VTIME_SOURCES)) $(DAEMON_PARTS) $(SIM_PARTS) $(CAPTURE_PARTS) $(LIB_STATIC)
	$(link) $(TEST_LIBS)

$(BUILD)/bench/bench: $(call objects,$(BENCH_SOURCES)) $(TEST_PARTS)
	$(link) $(TEST_LIBS)

# To be called by `fuzz`, which gives the compiler and the instrumentation of everything else.
$(FUZZERS): $(BUILD)/%: $(BUILD)/tests/fuzz/%.o $(TEST_PARTS) $(CLIENT_STATIC)
	$(link) $(call pkg_libs,$(PKG_DAEMON) $(PKG_SIM)) -lm -fsanitize=fuzzer

tests: all $(UNIT_TESTS) $(HELPERS) $(BUILD)/tests/virtual_usb $(BUILD)/simulate
fuzzers: $(FUZZERS)

# What these need may only just have been installed, so a make of their own looks for the libraries again.
dependencies:
	@tools/install-dependencies build demo check

demo:
	@tools/demo

check:
	@tools/install-dependencies build check
	@$(MAKE) --no-print-directory $(JOBS) tests
	@tests/run $(TESTS)

SESSION_CALLS ?= 20000
check-firmware:
	@tools/install-dependencies build check firmware
	@$(MAKE) --no-print-directory $(JOBS) tests
	@tests/firmware/install.sh
	@FIRMWARE=all SESSION_CALLS=$(SESSION_CALLS) tests/run --time-limit 600 firmware

# Where the machine cannot be had, the tests say so: they are skipped then, or fail in CI.
check-devices:
	@tools/install-dependencies build check
	@$(MAKE) --no-print-directory $(JOBS) tests
	-@tools/install-dependencies devices
	-@tests/devices/install.sh
	@tests/run --time-limit 900 devices

LOSSES ?= 1000
SOAK_SECONDS ?= 60
soak:
	@$(MAKE) --no-print-directory $(JOBS) tests
	@LOSSES=$(LOSSES) SOAK_SECONDS=$(SOAK_SECONDS) tests/run --jobs 1 --time-limit 3600 system/losses system/many_clients

SEEDS ?= 1000
FIRST_SEED ?= 1
simulate: $(BUILD)/simulate
	$(BUILD)/simulate --seeds $(SEEDS) --first-seed $(FIRST_SEED)

bench: tests $(BUILD)/bench/bench
	$(BUILD)/bench/bench --json $(BUILD)/bench.json $(BENCH)

fuzz:
	@tools/install-dependencies build fuzz
	@$(MAKE) --no-print-directory $(JOBS) BUILD=$(BUILD)/fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined fuzzers
	@tools/fuzz $(BUILD)/fuzz

lint:
	@tools/install-dependencies build check lint
	@tools/lint

format:
	clang-format -i $$(find . -path './build*' -prune -o -name node_modules -prune -o -name '*.[ch]' -print)

# What is installed. `uninstall` takes the same lists, so that nothing stays. The documentation keeps the folders it has
# here, and with them its links.
BIN   := $(DESTDIR)$(PREFIX)/bin
LIB   := $(DESTDIR)$(PREFIX)/lib
INC   := $(DESTDIR)$(PREFIX)/include
SHARE := $(DESTDIR)$(PREFIX)/share
LIBRARIES := openmvrpc openmvd
FIRMWARE := $(wildcard firmware/*.py firmware/examples/*.py)
RULES    := udev/60-openmvd.rules
PYTHON   := $(wildcard clients/python/*.py)
DOCS     := README.md LICENSE config/openmvd.json $(wildcard docs/*.md docs/examples/*)
MAN      := $(wildcard docs/man/*.[1-8])
man_file  = man/man$(subst .,,$(suffix $(1)))/$(notdir $(1))
INSTALLED = $(PROGRAMS:$(BUILD)/%=$(BIN)/%) $(LIBRARIES:%=$(INC)/%.h) \
    $(foreach name,$(LIBRARIES),$(addprefix $(LIB)/,$(foreach end,a so so.0 so.$(VERSION),lib$(name).$(end)) pkgconfig/$(name).pc)) \
    $(RULES:udev/%=$(LIB)/udev/rules.d/%) \
    $(addprefix $(SHARE)/,$(FIRMWARE:%=openmvd/%) $(PYTHON:clients/%=openmvd/%) $(DOCS:%=doc/openmvd/%) $(foreach page,$(MAN),$(call man_file,$(page))))

install: all
	install -d $(BIN) $(LIB)/pkgconfig $(INC)
	install -m 755 $(PROGRAMS) $(BIN)
	set -e; for name in $(LIBRARIES); do \
	    install -m 644 $(BUILD)/lib$$name.a $(LIB); \
	    install -m 755 $(BUILD)/lib$$name.so.0 $(LIB)/lib$$name.so.$(VERSION); \
	    ln -sf lib$$name.so.$(VERSION) $(LIB)/lib$$name.so.0; \
	    ln -sf lib$$name.so.0 $(LIB)/lib$$name.so; \
	    install -m 644 $(BUILD)/$$name.pc $(LIB)/pkgconfig; \
	    install -m 644 lib$$name/$$name.h $(INC); \
	done
	install -D -m 644 $(RULES) -t $(LIB)/udev/rules.d
	$(foreach file,$(FIRMWARE),install -D -m 644 $(file) $(SHARE)/openmvd/$(file)$(newline)	)
	$(foreach file,$(PYTHON),install -D -m 644 $(file) $(SHARE)/openmvd/$(file:clients/%=%)$(newline)	)
	$(foreach file,$(DOCS),install -D -m 644 $(file) $(SHARE)/doc/openmvd/$(file)$(newline)	)
	$(foreach page,$(MAN),install -D -m 644 $(page) $(SHARE)/$(call man_file,$(page))$(newline)	)

uninstall:
	rm -f $(INSTALLED)
	for folder in $(SHARE)/openmvd $(SHARE)/doc/openmvd; do \
	    if [ -d "$$folder" ]; then find "$$folder" -depth -type d -empty -delete; fi; \
	done

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -path $(BUILD)/devices -prune -o -type f -name '*.d' -not -path '$(BUILD)/fuzz/*' -print 2>/dev/null)
