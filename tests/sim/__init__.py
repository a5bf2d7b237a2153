# SPDX-License-Identifier: MIT
"""A Nexudus that fits on a desk: search endpoints, token endpoint, throttle, and faults on demand."""
