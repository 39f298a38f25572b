// Class ids, row numbers and the like, in whatever integers they come, held to their range.
#ifndef CHAINRULE_IDS_H
#define CHAINRULE_IDS_H

#include "kernels.h"

// Element i if it is 0 .. count - 1, else -1. kind: bytes of an element, below 0 if they have a sign.
static inline int64_t id_at(const void *ids, int64_t i, int64_t kind, int64_t count) {
    int64_t id;
    switch (kind) {
        case 1: id = ((const uint8_t *)ids)[i]; break;
        case 2: id = ((const uint16_t *)ids)[i]; break;
        case 4: id = ((const uint32_t *)ids)[i]; break;
        case -1: id = ((const int8_t *)ids)[i]; break;
        case -2: id = ((const int16_t *)ids)[i]; break;
        case -4: id = ((const int32_t *)ids)[i]; break;
        default: id = ((const int64_t *)ids)[i];
    }
    return id >= 0 && id < count ? id : -1;
}

#endif
