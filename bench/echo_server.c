/* SPDX-License-Identifier: MIT */
/*
 * The least that a server of JSON lines can do: libevent gives a line, cJSON reads it, and a reply goes back. No checks,
 * no limits, no cameras. The daemon is measured beside it (crowd.c), so that what is said of its speed holds on any
 * machine.
 *
 * echo_server PATH: listens there until it is killed.
 */

#include <cjson/cJSON.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static void answer(struct bufferevent *client, const char *line) {
    cJSON *request = cJSON_Parse(line);
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddStringToObject(reply, "jsonrpc", "2.0");
    cJSON_AddItemToObject(reply, "id", cJSON_DetachItemFromObjectCaseSensitive(request, "id"));
    cJSON_AddStringToObject(reply, "result", "pong");
    char *text = cJSON_PrintUnformatted(reply);
    bufferevent_write(client, text, strlen(text));
    bufferevent_write(client, "\n", 1);
    cJSON_free(text);
    cJSON_Delete(reply);
    cJSON_Delete(request);
}

static void on_read(struct bufferevent *client, void *context) {
    (void)context;
    char *line;
    while ((line = evbuffer_readln(bufferevent_get_input(client), NULL, EVBUFFER_EOL_LF)) != NULL) {
        answer(client, line);
        free(line);
    }
}

static void on_end(struct bufferevent *client, short what, void *context) {
    (void)context;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        bufferevent_free(client);
    }
}

static void on_client(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length,
                      void *base) {
    (void)listener;
    (void)address;
    (void)length;
    struct bufferevent *client = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(client, on_read, NULL, on_end, NULL);
    bufferevent_enable(client, EV_READ | EV_WRITE);
}

int main(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct event_base *base = event_base_new();
    if (argc != 2 || base == NULL || strlen(argv[1]) >= sizeof address.sun_path) {
        fprintf(stderr, "echo_server: takes the path of its socket\n");
        return 2;
    }
    memcpy(address.sun_path, argv[1], strlen(argv[1]));
    signal(SIGPIPE, SIG_IGN);
    if (evconnlistener_new_bind(base, on_client, base, LEV_OPT_CLOSE_ON_EXEC, 128, (struct sockaddr *)&address,
                                sizeof address) == NULL) {
        perror(argv[1]);
        return EXIT_FAILURE;
    }
    return event_base_dispatch(base) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
