/* SPDX-License-Identifier: MIT */
/* What each room gets of the settings, at the start and at a reload. Texts are borrowed from the settings. */
#ifndef NEXGATE_ROOM_OPTIONS_H
#define NEXGATE_ROOM_OPTIONS_H

#include "flow/flow.h"
#include "front/listener.h"
#include "settings.h"

struct fetcher_options room_options_fetcher(const struct settings *settings);
struct flow_options room_options_flow(const struct settings *settings);
struct front_options room_options_front(const struct settings *settings);

#endif
