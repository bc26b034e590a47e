# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Completion of openmvctl, openmvd and openmv-sim for bash.
#
# Verbs, options and operands are those of the programs' own help, so there is no list of them here. What stands for a
# value in the help (FILE, LEVEL, CAMERA, ...) says how it is completed. Cameras, callbacks and the fields of their
# arguments are asked of the running daemon; where there is none, or it is slow, they are not offered.
#
# Names that a camera tells are somebody else's words: they are compared and quoted, never expanded.

_openmvd_patience=500ms

# Adds the words that begin as the one under the cursor does.
_openmvd_offer() { # WORD...
    local word quoted
    for word in "$@"; do
        quoted=$word
        if [[ $word == *[!a-zA-Z0-9_.,:=%/+@-]* ]]; then
            printf -v quoted %q "$word"
        fi
        if [[ $word == "$current"* || $quoted == "$current"* ]]; then
            COMPREPLY+=("$quoted")
        fi
    done
}

_openmvd_offer_files() { # -f or -d
    local -a found
    mapfile -t found < <(compgen "$1" -- "$current")
    COMPREPLY+=("${found[@]}")
    compopt -o filenames 2>/dev/null
}

# Words after which one goes on without a blank; the last of a list with commas counts.
_openmvd_offer_beginnings() { # WORD...
    local head=${current%"${current##*,}"}
    _openmvd_offer "${@/#/$head}"
    compopt -o nospace 2>/dev/null
}

# The file of the program whose name stands first on the line, or else of the one that is installed.
_openmvd_find_program() { # AS-TYPED NAME
    program=$(type -P -- "${1/#\~\//$HOME/}") || program=$(type -P -- "$2")
}

# Fills `options`, from each option to what stands for its value, from a help text.
_openmvd_read_options() { # HELP
    local line
    while IFS= read -r line; do
        if [[ $line =~ ^\ \ (--[a-z-]+)(\ ([A-Z][^ ]*))?\  ]]; then
            options[${BASH_REMATCH[1]}]=${BASH_REMATCH[3]}
        fi
    done <<<"$1"
}

# Sorts the words before the cursor, by `options`. `pending` becomes the option whose value the cursor is in, if any, and
# `inside` says that it is behind the = or : of a word that bash has taken apart.
_openmvd_read_line() {
    local i word answered=''
    pending='' inside='' operands=() given=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == [=:] ]]; then
            inside=$word pending=${pending:-$answered}
        elif [[ $pending ]]; then
            given+=("$pending" "${word/#\~\//$HOME/}")
            answered=$pending pending='' inside=''
        elif [[ $inside ]]; then
            inside=''
        elif [[ $word == --* ]]; then
            answered=''
            if [[ ${options[$word]-} ]]; then
                pending=$word
            fi
        elif [[ $word != -h ]]; then
            answered=''
            operands+=("$word")
        fi
    done
    current=${COMP_WORDS[COMP_CWORD]}
    if [[ $current == [=:] ]]; then
        inside=$current pending=${pending:-$answered} current=''
    fi
}

# What the daemon of this line says; nothing where it does not.
_openmvctl_ask() { # WORD...
    local -a where=()
    local i
    for ((i = 0; i < ${#given[@]}; i += 2)); do
        if [[ ${given[i]} == --socket || (${given[i]} == --camera && $1 != cameras) ]]; then
            where+=("${given[i]}" "${given[i + 1]}")
        fi
    done
    "$program" "${where[@]}" --timeout "$_openmvd_patience" "$@" </dev/null 2>/dev/null
}

_openmvctl_offer_first_column() { # VERB
    local first rest
    while read -r first rest; do
        _openmvd_offer "$first"
    done < <(_openmvctl_ask "$1" | sed 1d)
}

# The fields of the argument of a callback, which stand before the format: x y (<HH).
_openmvctl_offer_fields() { # CALLBACK
    local header line before between
    {
        IFS= read -r header || return
        before=${header%%ARGUMENTS*} between=${header%%RESULT*}
        while IFS= read -r line; do
            if [[ ${line%% *} == "$1" && ${line:${#before}:${#between}-${#before}} =~ ^(.*)\ \([^\)]*\) ]]; then
                local -a fields
                read -r -a fields <<<"${BASH_REMATCH[1]}"
                _openmvd_offer_beginnings "${fields[@]/%/=}"
            fi
        done
    } < <(_openmvctl_ask callbacks)
}

_openmvctl_offer_operand() { # WHAT-STANDS-FOR-IT
    case $1 in
    NAME) _openmvctl_offer_first_column callbacks ;;
    CAMERA) _openmvctl_offer_first_column cameras ;;
    FILE) _openmvd_offer_files -f ;;
    METHOD)
        _openmvd_offer acquire call callbacks cameras cancel ping release reset stats subscribe trace unsubscribe version
        ;;
    *) ;;
    esac
}

_openmvctl_offer_value() { # WHAT-STANDS-FOR-IT
    case $1 in
    NAME) _openmvctl_offer_first_column cameras ;;
    FILE | PATH | NODE) _openmvd_offer_files -f ;;
    FOLDER) _openmvd_offer_files -d ;;
    LEVEL) _openmvd_offer high normal low ;;
    FORM) _openmvd_offer base64 hex raw ;;
    *) ;; # TIME, N, JSON, HEX, TEXT, BYTES: nobody can know
    esac
}

_openmvctl_offer_operands_of() { # USAGE
    local -a wanted
    local place=$((${#operands[@]} - 1))
    read -r -a wanted <<<"${1//[][]/}"
    if [[ $1 == *KEY=VALUE* && $place -gt 0 ]]; then
        _openmvctl_offer_fields "${operands[1]}"
        return
    fi
    _openmvctl_offer_operand "${wanted[place]-}"
    # One that may be left out leaves its place to the next.
    if [[ $1 == '['*' '* && $place -eq 0 ]]; then
        _openmvctl_offer_operand "${wanted[1]}"
    fi
}

_openmvctl() {
    local program current pending inside help verb='' word
    local -A options=()
    local -a operands given verbs
    COMPREPLY=()
    _openmvd_find_program "$1" openmvctl || return
    help=$("$program" --help 2>/dev/null)
    mapfile -t verbs < <(sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' <<<"$help")
    _openmvd_read_options "$help"
    _openmvd_read_line
    for word in "${operands[@]}"; do
        if [[ " ${verbs[*]} " == *" $word "* ]]; then
            verb=$word
            break
        fi
    done
    if [[ $verb ]]; then
        help=$("$program" "$verb" --help 2>/dev/null)
        _openmvd_read_options "$help"
        _openmvd_read_line
    fi
    if [[ $pending ]]; then
        _openmvctl_offer_value "${options[$pending]}"
    elif [[ $inside ]]; then
        return
    elif [[ $current == -* ]]; then
        _openmvd_offer "${!options[@]}"
    elif [[ ! $verb ]]; then
        _openmvd_offer "${verbs[@]}"
    elif [[ $help =~ Usage:\ openmvctl\ \[OPTIONS\]\ [a-z]+\ ([^$'\n']*) ]]; then
        _openmvctl_offer_operands_of "${BASH_REMATCH[1]}"
    fi
}

# The words behind a heading of a help text.
_openmvd_listed() { # HEADING
    sed -n "s/^$1: //p" <<<"$help"
}

_openmvd() {
    local program current pending inside help
    local -A options=()
    local -a operands given levels subsystems
    COMPREPLY=()
    _openmvd_find_program "$1" openmvd || return
    help=$("$program" --help 2>/dev/null)
    _openmvd_read_options "$help"
    _openmvd_read_line
    case ${options[${pending:-none}]-} in
    FILE | PATH) _openmvd_offer_files -f ;;
    LEVEL*)
        read -r -a levels <<<"$(_openmvd_listed Levels)"
        read -r -a subsystems <<<"$(_openmvd_listed Subsystems)"
        if [[ $inside == : && $current != *,* ]]; then
            subsystems=()
        elif [[ $current == *,* ]]; then
            levels=()
        fi
        _openmvd_offer_beginnings "${levels[@]}" "${subsystems[@]/%/:}"
        ;;
    *) [[ $pending || $current != -* ]] || _openmvd_offer "${!options[@]}" ;;
    esac
}

_openmv_sim() {
    local program current pending inside help
    local -A options=()
    local -a operands given faults
    COMPREPLY=()
    _openmvd_find_program "$1" openmv-sim || return
    help=$("$program" --help 2>/dev/null)
    _openmvd_read_options "$help"
    _openmvd_read_line
    case ${options[${pending:-none}]-} in
    FILE | PATH | NODE) _openmvd_offer_files -f ;;
    TEXT)
        mapfile -t faults < <(sed -n 's/^    \([a-z]*=\).*/\1/p' <<<"$help")
        _openmvd_offer_beginnings "${faults[@]}"
        ;;
    *) [[ $pending || $current != -* ]] || _openmvd_offer "${!options[@]}" ;;
    esac
}

complete -F _openmvctl openmvctl
complete -F _openmvd openmvd
complete -F _openmv_sim openmv-sim
