/* common/dial.h: sockets on their way to an address. */
#pragma once

#include "base/memory.h"

struct addrinfo;
struct in_addr;

/* Starts a non-blocking connection from `source` (IPv4; INADDR_ANY: the system's choice) to the
 * first of the addresses that does not fail at once, and leaves `address` at it. The socket is the
 * caller's to close. -1 when none is left; errno says why the last one failed. */
MUST_USE int dial_first(const struct addrinfo **address, struct in_addr source);
