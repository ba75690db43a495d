// Its functions are among those of spectral.h.
#pragma once

#include <gradus/linalg/spectral.h>
