/* SPDX-License-Identifier: BSD-2-Clause
 * A client of libhiredis: asks the commands of its input, one a line, and prints what the library makes of the replies,
 * one a line. Words are separated by blanks, in both directions bytes that are not plain are written as %XX.
 * Built and run by test_kv_hiredis.py:  hiredis_client PORT single|pipelined < COMMANDS */
#include <ctype.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { kMostWords = 64, kLongestLine = 1 << 20 };

static void die(const char *what, const char *why) {
    fprintf(stderr, "hiredis_client: %s: %s\n", what, why);
    exit(1);
}

/* Decodes the word in place; gives its size. */
static size_t decode(char *word) {
    char *to = word;
    for (const char *at = word; *at != '\0'; ++to) {
        if (*at == '%') {
            const char digits[3] = {at[1], at[2], '\0'};
            *to = (char)strtol(digits, NULL, 16);
            at += 3;
        } else {
            *to = *at++;
        }
    }
    return (size_t)(to - word);
}

static void print_bytes(const char *bytes, size_t size) {
    for (size_t i = 0; i < size; ++i) {
        const unsigned char c = (unsigned char)bytes[i];
        printf(isgraph(c) && c != '%' ? "%c" : "%%%02X", c);
    }
}

static void print_reply(const redisReply *reply) {
    switch (reply->type) {
        case REDIS_REPLY_STATUS:
            printf("STATUS ");
            return print_bytes(reply->str, reply->len);
        case REDIS_REPLY_ERROR:
            printf("ERROR ");
            return print_bytes(reply->str, reply->len);
        case REDIS_REPLY_STRING:
            printf("STRING ");
            return print_bytes(reply->str, reply->len);
        case REDIS_REPLY_INTEGER:
            printf("INTEGER %lld", reply->integer);
            return;
        case REDIS_REPLY_NIL:
            printf("NIL");
            return;
        case REDIS_REPLY_ARRAY:
            printf("ARRAY (");
            for (size_t i = 0; i < reply->elements; ++i) {
                printf(i == 0 ? "" : ", ");
                print_reply(reply->element[i]);
            }
            printf(")");
            return;
        default:
            printf("UNKNOWN %d", reply->type);
    }
}

/* Splits the line and gives its command to the library. */
static void append(redisContext *server, char *line) {
    const char *words[kMostWords];
    size_t sizes[kMostWords];
    int count = 0;
    for (char *rest = line, *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        if (count == kMostWords) {
            die("a command", "too many words");
        }
        words[count] = word;
        sizes[count++] = decode(word);
    }
    if (redisAppendCommandArgv(server, count, words, sizes) != REDIS_OK) {
        die("redisAppendCommandArgv", server->errstr);
    }
}

/* False: the server has closed the connection. */
static int show_reply(redisContext *server) {
    void *reply = NULL;
    if (redisGetReply(server, &reply) != REDIS_OK) {
        if (server->err != REDIS_ERR_EOF) {
            die("redisGetReply", server->errstr);
        }
        printf("CLOSED\n");
        return 0;
    }
    print_reply(reply);
    printf("\n");
    freeReplyObject(reply);
    return 1;
}

int main(int argc, char **argv) {
    static char line[kLongestLine];
    const struct timeval patience = {.tv_sec = 30, .tv_usec = 0};
    if (argc != 3) {
        die("usage", "hiredis_client PORT single|pipelined < COMMANDS");
    }
    const int is_pipelined = strcmp(argv[2], "pipelined") == 0;
    redisContext *server = redisConnectWithTimeout("127.0.0.1", atoi(argv[1]), patience);
    if (server == NULL || server->err != 0) {
        die("redisConnect", server == NULL ? "no memory" : server->errstr);
    }
    redisSetTimeout(server, patience);
    size_t waiting = 0;
    int is_open = 1;
    while (is_open && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        append(server, line);
        ++waiting;
        if (!is_pipelined) {
            is_open = show_reply(server);
            --waiting;
        }
    }
    for (; is_open && waiting > 0; --waiting) {
        is_open = show_reply(server);
    }
    redisFree(server);
    return 0;
}
