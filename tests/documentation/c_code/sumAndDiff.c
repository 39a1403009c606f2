#section support_code_apply

static PyArrayObject* APPLY_SPECIFIC(number)(PyArrayObject* old, DTYPE_OUTPUT_0 value)
{
    Py_XDECREF(old);
    old = (PyArrayObject*)PyArray_ZEROS(0, NULL, TYPENUM_OUTPUT_0, 0);
    if (old) *(DTYPE_OUTPUT_0*)PyArray_DATA(old) = value;
    return old;
}

// The third input and the second output may be missing: they are NULL then.
int APPLY_SPECIFIC(sumAndDiffOfScalars)(PyArrayObject* in0, PyArrayObject* in1, PyArrayObject* in2,
                                        PyArrayObject** out0, PyArrayObject** out1)
{
    DTYPE_INPUT_0 a = *(DTYPE_INPUT_0*)PyArray_DATA(in0);
    DTYPE_INPUT_1 b = *(DTYPE_INPUT_1*)PyArray_DATA(in1);
    if (in2 != NULL) b += *(DTYPE_INPUT_1*)PyArray_DATA(in2);
    *out0 = APPLY_SPECIFIC(number)(*out0, a + b);
    if (!*out0) return 1;
    if (out1 != NULL) {
        *out1 = APPLY_SPECIFIC(number)(*out1, a - b);
        if (!*out1) return 2;
    }
    return 0;
}
