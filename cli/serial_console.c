/* SPDX-License-Identifier: MIT */
/* Words in command lines. */
#include "serial_console.h"

#include <stddef.h>
#include <string.h>

/* Whether a word of `text` is `start` followed by `rest`, and ends there or at one of `ends`. */
static bool has_word(const char *text, const char *start, const char *rest, const char *ends) {
    static const char blanks[] = " \t\n";
    size_t start_length = strlen(start);
    size_t rest_length = strlen(rest);
    for (const char *word = text + strspn(text, blanks); *word; word += strspn(word, blanks)) {
        size_t length = strcspn(word, blanks);
        if (length >= start_length + rest_length && strncmp(word, start, start_length) == 0 &&
            strncmp(word + start_length, rest, rest_length) == 0 &&
            (length == start_length + rest_length || strchr(ends, word[start_length + rest_length]))) {
            return true;
        }
        word += length;
    }
    return false;
}

bool serial_console_is_asked_for(const char *command_line, const char *tty) {
    return has_word(command_line, "console=", tty, ",") || has_word(command_line, "console=/dev/", tty, ",");
}

bool serial_console_is_active(const char *list, const char *tty) {
    return has_word(list, "", tty, "");
}

bool serial_console_is_login(const char *program, const char *command_line, const char *tty) {
    return strstr(program, "getty") &&
           (has_word(command_line, "", tty, "") || has_word(command_line, "/dev/", tty, ""));
}
