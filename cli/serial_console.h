/* SPDX-License-Identifier: MIT */
/* Whether this machine itself talks on a UART: the kernel's messages, or a login prompt. */
#ifndef OPENMVCTL_SERIAL_CONSOLE_H
#define OPENMVCTL_SERIAL_CONSOLE_H

#include <stdbool.h>

/*
 * Whether a kernel command line sends the kernel's messages to the terminal `tty` ("ttyAMA0"): it has a word such as
 * console=ttyAMA0,115200.
 */
bool serial_console_is_asked_for(const char *command_line, const char *tty);

/* Whether `tty` is a word of a list such as "tty0 ttyAMA0", as /sys/class/tty/console/active has it. */
bool serial_console_is_active(const char *list, const char *tty);

/* Whether a program's command line is that of a login prompt on `tty`: agetty -o '-p -- \u' ttyAMA0 115200. */
bool serial_console_is_login(const char *program, const char *command_line, const char *tty);

#endif
