/* SPDX-License-Identifier: MIT */
/* The mark that a signal leaves. */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
    signal(number, SIG_DFL);
    interrupted = 1;
}

void interrupt_catch(void) {
    static const int numbers[] = {SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], &action, NULL);
    }
}

bool interrupt_came(void) {
    return interrupted != 0;
}
