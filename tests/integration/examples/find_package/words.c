/* words: counts the words of its input and prints the most frequent ones. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "word_nodes.h"
#include "word_text.h"

enum { BUCKETS = 1024, LONGEST = 128 };

typedef struct word {
    struct word *next;
    const char *text;
    unsigned long count;
} word_t;

static word_t *buckets[BUCKETS];

static unsigned bucket_of(const char *text)
{
    unsigned hash = 2166136261U;
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * 16777619U;
    }
    return hash % BUCKETS;
}

static int count_word(word_nodes_t *nodes, word_text_t *texts, const char *text)
{
    word_t **const head = &buckets[bucket_of(text)];
    for (word_t *word = *head; word != NULL; word = word->next) {
        if (strcmp(word->text, text) == 0) {
            word->count++;
            return 0;
        }
    }
    word_t *const word = word_nodes_alloc(nodes);
    char *const copy = word_text_alloc(texts, strlen(text) + 1, 1);
    if (word == NULL || copy == NULL) {
        return -1;
    }
    strcpy(copy, text);
    *word = (word_t){.next = *head, .text = copy, .count = 1};
    *head = word;
    return 0;
}

static int by_count(const void *left, const void *right)
{
    const word_t *const a = *(word_t *const *)left;
    const word_t *const b = *(word_t *const *)right;
    if (a->count != b->count) {
        return a->count < b->count ? 1 : -1;
    }
    return strcmp(a->text, b->text);
}

int main(void)
{
    static word_t *sorted[4096];
    word_nodes_t nodes;
    word_text_t texts;
    char letters[LONGEST];
    size_t length = 0;
    size_t distinct = 0;
    int letter;

    if (word_nodes_init(&nodes) != LAMINA_OK || word_text_init(&texts) != LAMINA_OK) {
        fputs("words: no memory\n", stderr);
        return 1;
    }
    do {
        letter = getchar();
        if (letter != EOF && isalpha(letter) && length < LONGEST - 1) {
            letters[length++] = (char)tolower(letter);
        } else if (length > 0) {
            letters[length] = '\0';
            length = 0;
            if (count_word(&nodes, &texts, letters) != 0) {
                fputs("words: too many words\n", stderr);
                return 1;
            }
        }
    } while (letter != EOF);

    for (size_t i = 0; i < BUCKETS; i++) {
        for (word_t *word = buckets[i]; word != NULL; word = word->next) {
            sorted[distinct++] = word;
        }
    }
    qsort(sorted, distinct, sizeof sorted[0], by_count);
    for (size_t i = 0; i < distinct && i < 5; i++) {
        printf("%lu %s\n", sorted[i]->count, sorted[i]->text);
    }

    for (size_t i = 0; i < distinct; i++) {
        word_nodes_free(&nodes, sorted[i]);
    }
    word_text_destroy(&texts);
    word_nodes_destroy(&nodes);
    return 0;
}
