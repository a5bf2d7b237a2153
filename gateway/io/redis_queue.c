/* SPDX-License-Identifier: MIT */
/* A list, linked through the requests. */
#include "io/redis_queue.h"

void redis_queue_add(struct redis_queue *queue, struct redis_request *request)
{
    request->is_waiting = true;
    request->maybe_done = false;
    request->next = NULL;
    request->previous = queue->last;
    if (queue->last != NULL)
        queue->last->next = request;
    else
        queue->first = request;
    queue->last = request;
    queue->count++;
}

void redis_queue_remove(struct redis_queue *queue, struct redis_request *request)
{
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        queue->first = request->next;
    if (request->next != NULL)
        request->next->previous = request->previous;
    else
        queue->last = request->previous;
    request->is_waiting = false;
    queue->count--;
}

struct redis_request *redis_queue_take(struct redis_queue *queue)
{
    struct redis_request *request = queue->first;
    if (request != NULL)
        redis_queue_remove(queue, request);
    return request;
}
