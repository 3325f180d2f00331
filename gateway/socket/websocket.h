/* socket/websocket.h: what gateway.c needs of WebSocket connections; the rest is internal. */
#pragma once

void websocket_register_metrics(void);
