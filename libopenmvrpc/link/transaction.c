/* SPDX-License-Identifier: MIT */
/* Which errors of a transaction are the end of its link. See transaction.h. */

#include "transaction.h"

#include <errno.h>
#include <stddef.h>

/* What drivers of controllers say of a moment; Documentation/i2c/fault-codes.rst of the kernel has most of it. */
static bool is_moment(int error) {
    static const int moments[] = {EAGAIN, EBUSY, EINTR, EIO, EPROTO, ETIMEDOUT, EREMOTEIO, ECOMM, EBADMSG, EOVERFLOW};
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        if (error == moments[i]) {
            return true;
        }
    }
    return false;
}

int transaction_judge(struct transaction *transaction, int result, int64_t taken_us) {
    if (result >= 0) {
        *transaction = (struct transaction){0};
        return 1;
    }
    int error = errno;
    transaction->troubles++;
    transaction->trouble_us += taken_us;
    bool is_bad_moment = transaction->troubles < TRANSACTION_TROUBLE_MAX &&
                         (transaction->troubles == 1 || transaction->trouble_us < TRANSACTION_TROUBLE_MAX_US);
    return is_moment(error) && is_bad_moment ? 0 : -error;
}
