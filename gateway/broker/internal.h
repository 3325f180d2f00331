/* broker/internal.h: what the other files of this folder get from the broker. */
#pragma once

#include "broker/broker.h"
#include "broker/lease.h"
#include "broker/presence_call.h"
#include "broker/scripts.h"

const struct keys *broker_keys(const struct broker *broker);
struct scripts *broker_scripts(struct broker *broker);
const struct lease *broker_lease(const struct broker *broker);
struct presence_calls *broker_presence_calls(struct broker *broker);
