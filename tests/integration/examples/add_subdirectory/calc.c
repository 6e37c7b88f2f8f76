/* calc: reads expressions such as (+ 1 (* 2 3)), one a line, and prints what they are worth. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "tree.h"

typedef struct node {
    struct node *first; /* the operands of an operation, in order */
    struct node *next;
    long value;
    char operation; /* 0 for a number */
} node_t;

static tree_t memory;

static const char *skip_space(const char *text)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    return text;
}

/* NULL where the text is no expression or the tree is full; `*text` is then not meaningful. */
static node_t *parse(const char **text)
{
    node_t *const node = tree_alloc(&memory, sizeof *node, _Alignof(node_t));
    if (node == NULL) {
        return NULL;
    }
    *node = (node_t){.value = 0};
    *text = skip_space(*text);
    if (**text == '(') {
        node_t **last = &node->first;
        *text = skip_space(*text + 1);
        node->operation = *(*text)++;
        for (*text = skip_space(*text); **text != ')'; *text = skip_space(*text)) {
            if ((*last = parse(text)) == NULL) {
                return NULL;
            }
            last = &(*last)->next;
        }
        (*text)++;
    } else if (isdigit((unsigned char)**text)) {
        char *end;
        node->value = strtol(*text, &end, 10);
        *text = end;
    } else {
        return NULL;
    }
    return node;
}

static long evaluate(const node_t *node)
{
    if (node->operation == 0 || node->first == NULL) {
        return node->value;
    }
    long value = evaluate(node->first);
    for (const node_t *operand = node->first->next; operand != NULL; operand = operand->next) {
        const long right = evaluate(operand);
        switch (node->operation) {
        case '+': value += right; break;
        case '-': value -= right; break;
        case '*': value *= right; break;
        default: break;
        }
    }
    return value;
}

int main(void)
{
    char line[4096];
    if (tree_init(&memory) != LAMINA_OK) {
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        const char *text = line;
        const node_t *const root = parse(&text);
        if (root != NULL) {
            printf("%ld\n", evaluate(root));
        } else {
            puts("?");
        }
        tree_reset(&memory);
    }
    tree_destroy(&memory);
    return 0;
}
