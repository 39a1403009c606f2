/* What calls return; texts come from the context that failed. */
#ifndef GPUARRAY_ERROR_H
#define GPUARRAY_ERROR_H

enum ga_error {
  GA_NO_ERROR = 0,
  GA_MEMORY_ERROR,
  GA_VALUE_ERROR,
  GA_IMPL_ERROR,
  GA_INVALID_ERROR,
  GA_UNSUPPORTED_ERROR,
  GA_SYS_ERROR,
  GA_RUN_ERROR,
  GA_DEVSUP_ERROR
};

#endif
