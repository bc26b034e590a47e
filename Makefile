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
PKG_DAEMON := libevent libcjson libserialport libudev libsystemd $(PKG_LIB)
PKG_SIM    := libjpeg
PKG_CLI    := libcjson
PKG_TESTS  := check
PKG_MOCK   := umockdev-1.0

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
# Where these are not the only ones, file offsets and the numbers of inodes of 64 bits: else a folder cannot be read on a
# 32-bit machine whose file system has larger ones.
CPPFLAGS += $(shell getconf LFS_CFLAGS 2>/dev/null)
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
BUS_CAMERA_SOURCES := $(wildcard tests/devices/bus_camera/*.c)
VTIME_SOURCES  := $(wildcard tests/sim/*.c)
STOCK_SLAVE_PARTS := $(addprefix $(BUILD)/tests/sim/,stock_slave.o stock_slave_bus.o)
UNIT_SOURCES   := $(wildcard tests/unit/test_*.c)
BENCH_SOURCES  := $(filter-out bench/echo_server.c,$(wildcard bench/*.c))
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

.PHONY: all help dependencies demo tests check soak check-firmware check-devices check-system check-machines simulate bench fuzz fuzzers lint format install uninstall deb debian-package clean FORCE
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
	@echo 'make check-system   boots a Debian with systemd in a virtual machine and runs the tests of the service there'
	@echo 'make check-machines both of these at the same time'
	@echo 'make soak           loses and finds a camera LOSSES=1000 times, and has 64 clients of all habits for SOAK_SECONDS=60'
	@echo 'make simulate       runs many worlds in virtual time: SEEDS=1000 FIRST_SEED=1'
	@echo 'make bench          measures speed and latency, also into build/bench.json'
	@echo 'make fuzz           runs each fuzzer for FUZZ_SECONDS=30 (needs clang)'
	@echo 'make lint           looks for mistakes without running anything; make format lays out the sources'
	@echo 'make install        into PREFIX=/usr/local, below DESTDIR=; make uninstall takes it away again'
	@echo 'make deb            makes Debian packages of that, into the build'
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

# The SPI and I2C links above devices that are a program. Where umockdev is missing, the test of them says so.
MOCK_BUSES := $(shell pkg-config --exists $(PKG_MOCK) && echo $(BUILD)/tests/mock_buses)
$(BUILD)/tests/umockdev/%.o: PKG_CFLAGS += $(call pkg_cflags,$(PKG_MOCK))
$(BUILD)/tests/mock_buses: $(BUILD)/tests/umockdev/mock_buses.o $(BUILD)/tests/umockdev/mock_camera.o $(STOCK_SLAVE_PARTS) $(LIB_STATIC)
	$(link) $(call pkg_libs,$(PKG_MOCK) $(PKG_LIB))

$(BUILD)/tests/bus_links: $(BUILD)/tests/umockdev/bus_links.o $(BUILD)/tests/unit/main.o $(LIB_STATIC)
	$(link) $(call pkg_libs,$(PKG_TESTS) $(PKG_LIB))

# openmvctl and the daemon have a few names in common, so tests take from this archive only the files they need.
$(BUILD)/openmvctl.a: $(filter-out %/main.o,$(call objects,$(filter cli/%,$(CLI_SOURCES)) $(CLIENT_SOURCES)))
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# Tests and helpers are linked with everything but the programs' own main().
TEST_PARTS = $(DAEMON_PARTS) $(SIM_PARTS) $(CAPTURE_PARTS) $(STOCK_SLAVE_PARTS) $(LIB_STATIC)
TEST_LIBS  = $(call pkg_libs,$(PKG_DAEMON) $(PKG_SIM) $(PKG_TESTS)) -lm

$(UNIT_TESTS): $(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(BUILD)/tests/unit/main.o $(TEST_PARTS) $(CLIENT_STATIC) $(BUILD)/openmvctl.a
	$(link) $(TEST_LIBS)

$(HELPERS): $(BUILD)/tests/%: $(BUILD)/tests/helpers/%.o $(TEST_PARTS)
	$(link) $(TEST_LIBS)

$(BUILD)/tests/virtual_usb: $(call objects,$(DEVICE_SOURCES)) $(SIM_PARTS) $(CAPTURE_PARTS) $(LIB_STATIC)
	$(link) $(call pkg_libs,$(PKG_SIM)) -lm

$(BUILD)/tests/bus_camera: $(call objects,$(BUS_CAMERA_SOURCES)) $(STOCK_SLAVE_PARTS) $(SIM_PARTS) $(CAPTURE_PARTS) $(LIB_STATIC)
	$(link) $(call pkg_libs,$(PKG_SIM) $(PKG_LIB)) -lm

$(BUILD)/simulate: $(call objects,$(VTIME_SOURCES)) $(DAEMON_PARTS) $(SIM_PARTS) $(CAPTURE_PARTS) $(LIB_STATIC)
	$(link) $(TEST_LIBS)

$(BUILD)/bench/bench: $(call objects,$(BENCH_SOURCES)) $(TEST_PARTS)
	$(link) $(TEST_LIBS)

# The library's links above system calls of its own: their gaps are real, the time on the line is not.
LINE_SHARE := $(call objects,$(wildcard bench/line/*.c))
WRAPPED    := clock_gettime clock_nanosleep open ioctl read write send recv timerfd_settime ppoll
$(BUILD)/bench/line_share: $(LINE_SHARE) $(STOCK_SLAVE_PARTS) $(LIB_STATIC)
	$(link) $(WRAPPED:%=-Wl,--wrap=%) $(call pkg_libs,$(PKG_LIB) $(PKG_CLI))

$(BUILD)/bench/echo_server: $(BUILD)/bench/echo_server.o
	$(link) $(call pkg_libs,$(PKG_DAEMON))

# To be called by `fuzz`, which gives the compiler and the instrumentation of everything else.
$(FUZZERS): $(BUILD)/%: $(BUILD)/tests/fuzz/%.o $(TEST_PARTS) $(CLIENT_STATIC)
	$(link) $(call pkg_libs,$(PKG_DAEMON) $(PKG_SIM)) -lm -fsanitize=fuzzer

tests: all $(UNIT_TESTS) $(HELPERS) $(MOCK_BUSES) $(BUILD)/tests/bus_links $(BUILD)/tests/virtual_usb $(BUILD)/tests/bus_camera $(BUILD)/simulate
fuzzers: $(FUZZERS)

# What these need may only just have been installed, so a make of their own looks for the libraries again.
dependencies:
	@tools/install-dependencies build demo check

demo:
	@tools/install-dependencies build demo
	@$(MAKE) --no-print-directory $(JOBS) all
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
	@tests/run --time-limit 1800 devices

# A machine that systemd has booted, with the packages of this build in it; or both machines at the same time, since each
# keeps little more than one processor busy.
check-system: MACHINES = booted
check-machines: MACHINES = devices booted
check-system check-machines:
	@tools/install-dependencies build check deb
	@$(MAKE) --no-print-directory $(JOBS) tests debian-package
	-@tools/install-dependencies devices system
	-@tests/booted/install.sh
	@tests/run --time-limit 1800 $(MACHINES)

LOSSES ?= 1000
SOAK_SECONDS ?= 60
soak:
	@$(MAKE) --no-print-directory $(JOBS) tests
	@LOSSES=$(LOSSES) SOAK_SECONDS=$(SOAK_SECONDS) tests/run --jobs 1 --time-limit 3600 system/losses system/many_clients

SEEDS ?= 1000
FIRST_SEED ?= 1
simulate: $(BUILD)/simulate
	$(BUILD)/simulate --seeds $(SEEDS) --first-seed $(FIRST_SEED)

bench: tests $(BUILD)/bench/bench $(BUILD)/bench/echo_server $(BUILD)/bench/line_share
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

# What is installed, below PREFIX: a mode, a folder and its files, for `install` to put and `uninstall` to take away. The
# documentation keeps the folders it has here, and with them its links.
LIBRARIES := openmvrpc openmvd
FIRMWARE := $(wildcard firmware/*.py firmware/examples/*.py)
PYTHON   := $(wildcard clients/python/*.py)
DOCS     := README.md LICENSE config/openmvd.json $(wildcard docs/*.md docs/examples/*)
MAN      := $(wildcard docs/man/*.[1-8])
COMPLETIONS := $(PROGRAMS:$(BUILD)/%=$(BUILD)/completion/%)
DROPINS  := $(wildcard systemd/*.conf)
UNITS    := $(patsubst systemd/%.in,$(BUILD)/systemd/%,$(wildcard systemd/*.in)) $(wildcard systemd/*.socket)
SYSUSERS := $(patsubst systemd/%.sysusers,$(BUILD)/systemd/sysusers.d/%.conf,$(wildcard systemd/*.sysusers))
TMPFILES := $(patsubst systemd/%.tmpfiles,$(BUILD)/systemd/tmpfiles.d/%.conf,$(wildcard systemd/*.tmpfiles))

folders = $(sort $(patsubst %/,%,$(dir $(1))))
files_of = $(strip $(foreach file,$(2),$(if $(filter $(1)/,$(dir $(file))),$(file))))
section = $(filter %.$(1),$(MAN))
define installed
$(call $(1),755,bin,$(PROGRAMS))
$(call $(1),644,lib,$(LIBRARIES:%=$(BUILD)/lib%.a))
$(call $(1),644,lib/pkgconfig,$(LIBRARIES:%=$(BUILD)/%.pc))
$(call $(1),644,include,$(foreach name,$(LIBRARIES),lib$(name)/$(name).h))
$(call $(1),644,lib/systemd/system,$(UNITS))
$(call $(1),644,lib/sysusers.d,$(SYSUSERS))
$(call $(1),644,lib/tmpfiles.d,$(TMPFILES))
$(call $(1),644,lib/udev/rules.d,udev/60-openmvd.rules)
$(call $(1),644,share/bash-completion/completions,$(COMPLETIONS))
$(call $(1),644,share/openmvd/systemd,$(DROPINS))
$(call $(1),644,share/openmvd/python,$(PYTHON))
$(foreach folder,$(call folders,$(FIRMWARE)),$(call $(1),644,share/openmvd/$(folder),$(call files_of,$(folder),$(FIRMWARE))))
$(foreach folder,$(call folders,$(DOCS)),$(call $(1),644,share/doc/openmvd/$(folder),$(call files_of,$(folder),$(DOCS))))
$(foreach number,1 3 5 7 8,$(call $(1),644,share/man/man$(number),$(call section,$(number))))
endef
below = $(patsubst %/.,%,$(DESTDIR)$(PREFIX)/$(1))
put = $(if $(strip $(3)),$(call say,PUT,$(call below,$(2)))$(newline)$(Q)install -d $(call below,$(2)) && install -m $(1) $(3) $(call below,$(2))$(newline))
take_away = $(if $(strip $(3)),$(call say,RM,$(call below,$(2)))$(newline)$(Q)rm -f $(addprefix $(call below,$(2))/,$(notdir $(3)))$(newline))

# To make, a blank ends a path, and the rest would be a path of its own.
refuse_blanks = $(if $(word 2,$(DESTDIR)$(PREFIX)),$(error DESTDIR and PREFIX must have no blanks in them))

$(BUILD)/systemd/%: systemd/%.in FORCE
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' $< >$@

# Two of one name, each in a folder of its own.
$(BUILD)/systemd/sysusers.d/%.conf: systemd/%.sysusers
	$(Q)install -D -m 644 $< $@
$(BUILD)/systemd/tmpfiles.d/%.conf: systemd/%.tmpfiles
	$(Q)install -D -m 644 $< $@
# bash looks for the file of a program under its name, and all three are in one.
$(COMPLETIONS): completion/openmvctl.bash
	$(Q)install -D -m 644 $< $@

# The loader finds a library by its cache, whose folders only root writes. Below DESTDIR it is not this machine's.
renew_cache = $(if $(DESTDIR),,$(Q)if [ "$$(id -u)" -eq 0 ] && command -v ldconfig >/dev/null; then ldconfig; fi)

# The configuration is whoever's machine it is: neither replaced nor taken away. It need not be there, and who may not write to
# /etc gets along without.
CONFIG := $(DESTDIR)/etc/openmvd.json
may_write_config = $(if $(DESTDIR),true,[ -w /etc ])

define NEXT_STEPS

Installed. To have it as a service, which its first client starts:

    sudo systemd-sysusers openmvd.conf && sudo systemd-tmpfiles --create openmvd.conf
    sudo udevadm control --reload && sudo udevadm trigger
    sudo systemctl daemon-reload && sudo systemctl enable --now openmvd.socket

Who may use it is in the group openmv: sudo usermod -aG openmv $$USER, and log in again.
endef

define OTHER_STEPS

Installed below $(PREFIX), where neither systemd nor udev looks, so this is no service. Start it by hand:

    $(PREFIX)/bin/openmvd --config FILE

Without --config /etc/openmvd.json counts, if there is one. For a service: sudo make install
endef
export NEXT_STEPS OTHER_STEPS
STEPS = $(if $(filter /usr /usr/local,$(PREFIX)),NEXT_STEPS,OTHER_STEPS)

# Made by whoever builds, so that they are not root's after `sudo make install`.
all: $(UNITS) $(SYSUSERS) $(TMPFILES) $(COMPLETIONS)

install: all
	$(refuse_blanks)$(call installed,put)
	$(Q)set -e; for name in $(LIBRARIES); do \
	    install -m 755 $(BUILD)/lib$$name.so.0 $(call below,lib/lib$$name.so.$(VERSION)); \
	    ln -sf lib$$name.so.$(VERSION) $(call below,lib/lib$$name.so.0); \
	    ln -sf lib$$name.so.0 $(call below,lib/lib$$name.so); \
	done
	$(renew_cache)
	$(Q)if [ ! -e $(CONFIG) ] && $(may_write_config); then install -D -m 644 config/usb.json $(CONFIG); fi
	@$(if $(DESTDIR),,echo "$$$(STEPS)")

uninstall:
	$(refuse_blanks)$(call installed,take_away)
	$(Q)rm -f $(foreach name,$(LIBRARIES),$(foreach end,so so.0 so.$(VERSION),$(call below,lib/lib$(name).$(end))))
	$(renew_cache)
	$(Q)for folder in $(call below,share/openmvd) $(call below,share/doc/openmvd); do \
	    if [ -d "$$folder" ]; then find "$$folder" -depth -type d -empty -delete; fi; \
	done
	@[ ! -e $(CONFIG) ] || echo 'The configuration stays: $(CONFIG)'

# Debian packages of what is installed, made in a folder of the build and left beside it.
ARCHITECTURE = $(shell dpkg --print-architecture)
DEB = $(BUILD)/openmvd_$(VERSION)-1_$(ARCHITECTURE).deb

deb:
	@tools/install-dependencies build deb
	@$(MAKE) --no-print-directory $(JOBS) debian-package

debian-package: $(DEB)

$(DEB): $(PROGRAMS) $(LIB_STATIC) $(CLIENT_STATIC) Makefile tools/make-deb $(DOCS) $(FIRMWARE) $(PYTHON) $(MAN) \
    $(wildcard config/*.json packaging/debian/* systemd/* udev/* completion/*)
	$(call say,DEB,$@)
	$(Q)tools/make-deb $(VERSION) $(BUILD) >$(BUILD)/deb.log 2>&1 || { tail -n 20 $(BUILD)/deb.log; exit 1; }

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -path $(BUILD)/devices -prune -o -path $(BUILD)/deb -prune -o -type f -name '*.d' -not -path '$(BUILD)/fuzz/*' -not -path '$(BUILD)/libgpiod2/*' -print 2>/dev/null)
