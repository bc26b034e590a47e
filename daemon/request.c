/* SPDX-License-Identifier: MIT */
/* JSON-RPC 2.0 requests: the envelope, batches, ids, replies. */
#include "request.h"

#include "access.h"
#include "camera.h"
#include "config.h"
#include "daemon.h"
#include "json_number.h"
#include "log.h"
#include "method.h"
#include "server.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Replies of a batch are collected until the last one is there. */
struct batch {
    size_t unanswered;
    struct text_buffer replies;
};

/* The members of a request object that mean something; others are let by, as JSON-RPC does not forbid them. */
enum { MEMBER_VERSION, MEMBER_METHOD, MEMBER_PARAMS, MEMBER_ID, MEMBER_COUNT };

static const char *const member_names[MEMBER_COUNT] = {"jsonrpc", "method", "params", "id"};

/* What an error reply takes at most beside its id, and what its camera gave. */
enum { ERROR_REPLY_SIZE = 4 * ERROR_MESSAGE_SIZE };

/* An id of this length or less is no more than any request takes. */
enum { SHORT_ID = 64 };

static struct request *request_new(struct client *client, struct batch *batch) {
    struct request *request = calloc(1, sizeof *request);
    if (request == NULL) {
        return NULL;
    }
    request->daemon = client->server->daemon;
    request->client = client;
    request->batch = batch;
    request->arrived_us = omvrpc_now_us();
    TAILQ_INSERT_TAIL(&client->requests, request, entry);
    client->open++;
    client->requests_total++;
    return request;
}

static void leave_client(struct request *request) {
    struct client *client = request->client;
    TAILQ_REMOVE(&client->requests, request, entry);
    client->open--;
    client->waiting_bytes -= request->kept_bytes;
    request->client = NULL;
}

static void request_free(struct request *request) {
    struct client *client = request->client;
    if (client != NULL) {
        leave_client(request);
        client_wake(client);
    }
    free(request->id);
    free(request);
}

static size_t reply_limit(const struct request *request) {
    return request->daemon->config->limits.output_bytes;
}

static void batch_free(struct batch *batch) {
    text_buffer_clear(&batch->replies);
    free(batch);
}

/* The daemon has no memory for what a client is owed. */
static void give_up(struct client *client) {
    char label[CLIENT_LABEL_SIZE];
    log_error(CLIENT, "%s is closed: out of memory for its replies", client_label(client, label));
    client->broken = true;
}

/* Counts a request of the batch as answered, with a reply or, where that is empty, without; sends all after the last
 * one. */
static void batch_answer(struct batch *batch, struct client *client, const struct text_buffer *reply) {
    size_t before = batch->replies.length;
    if (client == NULL) {
        text_buffer_clear(&batch->replies);
    } else if (reply->length > 0) {
        text_buffer_append_string(&batch->replies, before == 0 ? "[" : ",");
        text_buffer_append(&batch->replies, reply->text, reply->length);
        client_keep_reply(client, batch->replies.length - before);
    }
    if (--batch->unanswered > 0) {
        return;
    }
    if (client != NULL && batch->replies.length > 0) {
        client_let_go_of_replies(client, batch->replies.length);
        text_buffer_append_string(&batch->replies, "]\n");
        if (batch->replies.state == TEXT_BUFFER_GOOD) {
            client_send(client, batch->replies.text, batch->replies.length, NULL, 0);
            batch->replies.text = NULL;
        } else {
            give_up(client);
        }
    }
    batch_free(batch);
}

/* Sends what `reply` holds, if anything, and ends the request. */
static void deliver(struct request *request, struct text_buffer *reply, uint8_t *bytes, size_t bytes_length) {
    if (request->batch != NULL) {
        batch_answer(request->batch, request->client, reply);
    } else if (request->client != NULL && reply->length > 0) {
        client_send(request->client, reply->text, reply->length, bytes, bytes_length);
        reply->text = NULL;
        bytes = NULL;
    }
    free(bytes);
    text_buffer_clear(reply);
    request_free(request);
}

static void begin_reply(const char *id, const char *member, struct text_buffer *reply) {
    text_buffer_append_string(reply, "{\"jsonrpc\":\"2.0\",\"id\":");
    text_buffer_append_string(reply, id != NULL ? id : "null");
    text_buffer_append_string(reply, member);
}

void request_send_refusal(int fd, const struct error *error) {
    struct text_buffer line;
    text_buffer_init(&line, 2 * ERROR_MESSAGE_SIZE);
    begin_reply(NULL, ",\"error\":", &line);
    error_append_json(&line, error);
    text_buffer_append_string(&line, "}\n");
    if (line.state == TEXT_BUFFER_GOOD) {
        send(fd, line.text, line.length, MSG_NOSIGNAL);
    }
    text_buffer_clear(&line);
}

void request_begin_reply(const struct request *request, struct text_buffer *reply) {
    text_buffer_init(reply, reply_limit(request));
    begin_reply(request->id, ",\"result\":", reply);
}

/* Whether a reply may be added to those that wait for the rest of their batches, which have the limit of one. */
static bool has_room(const struct request *request, const struct text_buffer *reply) {
    size_t kept = request->batch != NULL && request->client != NULL ? request->client->batch_bytes : 0;
    return kept < reply_limit(request) && reply->length < reply_limit(request) - kept;
}

void request_send_reply(struct request *request, struct text_buffer *reply, uint8_t *bytes, size_t bytes_length) {
    if (request->id == NULL) {
        text_buffer_truncate(reply, 0);
    } else {
        text_buffer_append_string(reply, request->batch != NULL ? "}" : "}\n");
    }
    if (reply->state == TEXT_BUFFER_GOOD && has_room(request, reply)) {
        deliver(request, reply, bytes, bytes_length);
        return;
    }
    struct error error;
    if (reply->state == TEXT_BUFFER_OUT_OF_MEMORY) {
        error_set(&error, ERROR_INTERNAL, "the daemon is out of memory for the reply");
    } else {
        error_set(&error, ERROR_TOO_LARGE, "the reply is longer than limits.output_bytes (%zu)%s", reply->limit,
                  request->batch != NULL ? ", together with the others of batches" : "");
    }
    error.executed = EXECUTED_YES;
    text_buffer_clear(reply);
    free(bytes);
    request_fail(request, &error);
}

void request_succeed(struct request *request, struct cJSON *result) {
    char *text = result != NULL ? cJSON_PrintUnformatted(result) : NULL;
    cJSON_Delete(result);
    if (text == NULL) {
        struct error error;
        error_set(&error, ERROR_INTERNAL, "the daemon is out of memory");
        request_fail(request, &error);
        return;
    }
    struct text_buffer reply;
    request_begin_reply(request, &reply);
    text_buffer_append_string(&reply, text);
    cJSON_free(text);
    request_send_reply(request, &reply, NULL, 0);
}

static void write_error(const struct request *request, struct text_buffer *reply, const struct error *error) {
    text_buffer_init(reply, SIZE_MAX);
    begin_reply(request->id, ",\"error\":", reply);
    error_append_json(reply, error);
    text_buffer_append_string(reply, request->batch != NULL ? "}" : "}\n");
}

void request_fail(struct request *request, const struct error *error) {
    struct text_buffer reply;
    struct error shortened = *error;
    text_buffer_init(&reply, 0);
    if (request->id != NULL) {
        write_error(request, &reply, error);
        error_drop_bytes(&shortened);
        if (shortened.bytes != error->bytes && !has_room(request, &reply)) {
            text_buffer_clear(&reply);
            write_error(request, &reply, &shortened);
        }
    }
    if (reply.state != TEXT_BUFFER_GOOD) {
        text_buffer_clear(&reply);
        if (request->client != NULL) {
            give_up(request->client);
        }
    }
    deliver(request, &reply, NULL, 0);
}

/* Keeps the id until the answer. A long one counts among what waits for the client; false where that is too much, with
 * *error filled. */
static bool set_id(struct request *request, struct json_span id, struct error *error) {
    size_t kept_bytes = id.length > SHORT_ID ? id.length : 0;
    request->id = strndup(id.text, id.length);
    if (request->id == NULL) {
        error_set_out_of_memory(error);
        return false;
    }
    if (!client_may_keep(request->client, kept_bytes, error)) {
        return false;
    }
    request->kept_bytes = kept_bytes;
    request->client->waiting_bytes += kept_bytes;
    return true;
}

static bool span_is_null(struct json_span value) {
    return value.length == 4 && memcmp(value.text, "null", 4) == 0;
}

/* Finds the members of a request object. Returns false, with *error filled, where one stands twice. */
static bool read_members(struct json_span object, struct json_span members[MEMBER_COUNT], struct error *error) {
    struct json_cursor cursor;
    struct json_span name, value;
    const char *doubled = NULL;
    if (!json_cursor_open(object, &cursor) || !cursor.is_object) {
        error_set(error, ERROR_INVALID_REQUEST,
                  "a request is an object, such as "
                  "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}");
        return false;
    }
    while (json_cursor_next(&cursor, &name, &value)) {
        for (size_t i = 0; i < MEMBER_COUNT; i++) {
            if (!json_string_is(name, member_names[i], strlen(member_names[i]))) {
                continue;
            }
            if (members[i].text != NULL) {
                doubled = member_names[i];
            }
            members[i] = value;
        }
    }
    if (doubled != NULL) {
        error_set(error, ERROR_INVALID_REQUEST, "\"%s\" is given twice", doubled);
    }
    return doubled == NULL;
}

/* Checks the members of a request but its id; returns false with *error filled. */
static bool check_members(const struct json_span members[MEMBER_COUNT], struct error *error) {
    struct json_span version = members[MEMBER_VERSION], method = members[MEMBER_METHOD],
                     params = members[MEMBER_PARAMS];
    if (version.text == NULL || version.text[0] != '"' || !json_string_is(version, "2.0", 3)) {
        error_set(error, ERROR_INVALID_REQUEST, "\"jsonrpc\" has to be \"2.0\"");
    } else if (method.text == NULL || method.text[0] != '"') {
        error_set(error, ERROR_INVALID_REQUEST, "\"method\" has to be a string");
    } else if (params.text != NULL && params.text[0] != '{' && params.text[0] != '[') {
        error_set(error, ERROR_INVALID_REQUEST, "\"params\" has to be an object");
    } else {
        return true;
    }
    return false;
}

/* Handles one request object; `text` is checked JSON of any kind. */
static void handle_request(struct request *request, struct json_span text) {
    static const struct json_span null_id = {"null", 4};
    struct json_span members[MEMBER_COUNT] = {{NULL, 0}};
    struct error error;
    bool is_good = read_members(text, members, &error) && check_members(members, &error);
    struct json_span id = members[MEMBER_ID];
    bool is_id_good = id.text == NULL || id.text[0] == '"' || json_is_number(id) || span_is_null(id);
    if (is_good && !is_id_good) {
        error_set(&error, ERROR_INVALID_REQUEST, "\"id\" has to be a string, a number or null");
        is_good = false;
    }
    /* What is no request is no notification either: it is answered, under its id or, where that cannot be read, null.
     */
    if (!is_good && (id.text == NULL || !is_id_good)) {
        id = null_id;
    }
    struct error unkept;
    if (id.text != NULL && !set_id(request, id, &unkept) && is_good) {
        error = unkept;
        is_good = false;
    }
    const struct method *method = is_good ? method_find(members[MEMBER_METHOD], &error) : NULL;
    struct params params;
    if (method != NULL && access_check_method(request->client, method, &error) &&
        params_read(method->params, members[MEMBER_PARAMS], &params, &error)) {
        method->handle(request, &params);
    } else {
        request_fail(request, &error);
    }
}

/* Answers what could not be read as a request at all. */
static void refuse(struct client *client, const struct error *error) {
    static const struct json_span null_id = {"null", 4};
    struct request *request = request_new(client, NULL);
    if (request == NULL) {
        client->broken = true;
        return;
    }
    struct error unused;
    set_id(request, null_id, &unused);
    request_fail(request, error);
}

static void handle_batch(struct client *client, struct json_span text) {
    struct request *requests[REQUEST_BATCH_MAX];
    struct json_span elements[REQUEST_BATCH_MAX];
    struct json_cursor cursor;
    struct json_span element;
    struct error error;
    size_t count = 0, made = 0;
    json_cursor_open(text, &cursor);
    while (json_cursor_next(&cursor, NULL, &element)) {
        if (count < REQUEST_BATCH_MAX) {
            elements[count] = element;
        }
        count++;
    }
    if (count == 0 || count > REQUEST_BATCH_MAX) {
        error_set(&error, ERROR_INVALID_REQUEST, "a batch holds 1 to %d requests, not %zu", REQUEST_BATCH_MAX, count);
        refuse(client, &error);
        return;
    }
    struct batch *batch = calloc(1, sizeof *batch);
    /* All are made before the first is handled, so that the batch is not complete before its last. */
    while (batch != NULL && made < count && (requests[made] = request_new(client, batch)) != NULL) {
        made++;
    }
    if (made < count) {
        while (made > 0) {
            request_free(requests[--made]);
        }
        free(batch);
        client->broken = true;
        return;
    }
    batch->unanswered = count;
    /* What other replies may take, and of each request an error with its id, which stands in the text. */
    text_buffer_init(&batch->replies,
                     client->server->daemon->config->limits.output_bytes + count * ERROR_REPLY_SIZE + text.length);
    for (size_t i = 0; i < count; i++) {
        handle_request(requests[i], elements[i]);
    }
}

void request_handle_line(struct client *client, const char *line, size_t length) {
    struct json_fault fault;
    struct error error;
    if (!json_check(line, length, &fault)) {
        error_set(&error, ERROR_PARSE, "at byte %zu: %s", fault.offset, fault.message);
        refuse(client, &error);
        return;
    }
    struct json_span text = {line, length};
    while (text.length > 0 && json_is_white_space(*text.text)) {
        text.text++;
        text.length--;
    }
    if (*text.text == '[') {
        handle_batch(client, text);
        return;
    }
    struct request *request = request_new(client, NULL);
    if (request != NULL) {
        handle_request(request, text);
    } else {
        client->broken = true;
    }
}

void request_refuse_line(struct client *client) {
    struct error error;
    const struct limits *limits = &client->server->daemon->config->limits;
    if (client->input.limit < limits->line_bytes) {
        error_set(
            &error, ERROR_QUEUE_FULL,
            "the lines that all clients are sending leave room for %zu bytes (limits.all_line_bytes), and the line is "
            "longer; its rest is discarded",
            client->input.limit);
    } else {
        error_set(&error, ERROR_TOO_LARGE, "the line is longer than limits.line_bytes (%zu); its rest is discarded",
                  limits->line_bytes);
    }
    refuse(client, &error);
}

void request_abandon_all(struct client *client) {
    struct daemon *daemon = client->server->daemon;
    for (struct request *request; (request = TAILQ_FIRST(&client->requests)) != NULL;) {
        leave_client(request);
        if (request->cancel != NULL) {
            request->cancel(request);
        }
    }
    /* Calls that the camera has begun cannot be cancelled, but they do not wait for its next answer either. */
    for (size_t i = 0; i < daemon->camera_count; i++) {
        camera_drop_client(daemon->cameras[i], client);
    }
}
