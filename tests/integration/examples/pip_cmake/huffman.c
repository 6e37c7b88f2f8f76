/* huffman: the length of the Huffman code of each byte of its input. */
#include <stdio.h>

#include "nodes.h"

typedef struct node {
    struct node *next; /* in the list of trees, lightest first */
    struct node *child[2];
    unsigned long weight;
    int byte;
} node_t;

static nodes_t memory;

static node_t *insert(node_t *list, node_t *tree)
{
    node_t **place = &list;
    while (*place != NULL && (*place)->weight <= tree->weight) {
        place = &(*place)->next;
    }
    tree->next = *place;
    *place = tree;
    return list;
}

static node_t *new_node(unsigned long weight, int byte, node_t *left, node_t *right)
{
    node_t *const node = nodes_alloc(&memory);
    if (node != NULL) {
        *node = (node_t){.child = {left, right}, .weight = weight, .byte = byte};
    }
    return node;
}

static void note_lengths(node_t *tree, unsigned depth, unsigned lengths[256])
{
    if (tree->child[0] == NULL) {
        lengths[tree->byte] = depth;
    } else {
        note_lengths(tree->child[0], depth + 1, lengths);
        note_lengths(tree->child[1], depth + 1, lengths);
    }
    nodes_free(&memory, tree);
}

int main(void)
{
    unsigned long weights[256] = {0};
    unsigned lengths[256] = {0};
    node_t *trees = NULL;
    int byte;

    while ((byte = getchar()) != EOF) {
        weights[byte]++;
    }
    if (nodes_init(&memory) != LAMINA_OK) {
        return 1;
    }
    for (byte = 0; byte < 256; byte++) {
        if (weights[byte] > 0) {
            node_t *const leaf = new_node(weights[byte], byte, NULL, NULL);
            if (leaf == NULL) {
                return 1;
            }
            trees = insert(trees, leaf);
        }
    }
    while (trees != NULL && trees->next != NULL) {
        node_t *const left = trees;
        node_t *const right = left->next;
        node_t *const both = new_node(left->weight + right->weight, 0, left, right);
        if (both == NULL) {
            return 1;
        }
        trees = insert(right->next, both);
    }
    if (trees != NULL) {
        note_lengths(trees, 0, lengths);
    }
    nodes_destroy(&memory);

    for (byte = ' ' + 1; byte < 127; byte++) {
        if (lengths[byte] > 0) {
            printf("%c %u\n", byte, lengths[byte]);
        }
    }
    return 0;
}
