"""Every error code with its headline. The facts named in braces are given where the error is raised."""

HEADLINES: dict[str, str] = {
    # shapes
    "SHAPE-01": "no array has the shape {shape}",
    "SHAPE-02": "{function}: the shapes do not broadcast together",
    "SHAPE-03": "{left} and {right} disagree on axis {axis!r}",
    "SHAPE-04": "{function}: cannot reshape {old} elements into {shape}",
    "SHAPE-05": "{function}: axis {axis} does not exist in an array of rank {rank}",
    "SHAPE-06": "{function}: an empty axis has no {what}",
    "SHAPE-07": "{function}: {problem}",
    "SHAPE-08": "{function}: {left} and {right} differ in shape",
    # element types
    "DTYPE-01": "{dtype} is not an element type here",
    "DTYPE-02": "{text!r} is not a spec",
    "DTYPE-03": "{function}: the element types do not fit",
    "DTYPE-04": "{function} needs {wanted}, not {found}",
    # tracing
    "TRACE-01": "a traced value has no number yet: {what}",
    "TRACE-02": "a traced value left its trace",
    "TRACE-03": "{function}: {problem}",
    # mappings
    "MAP-01": "only mappings and functions compose: {left} >> {right}",
    "MAP-02": "the mapping has no parameters yet",
    "MAP-03": "a mapping is immutable: cannot set {name!r}",
    "MAP-04": "{problem}",
    "MAP-05": "{name} behaves differently in training, and it is being differentiated outside of it",
    "MAP-06": "no path matches {pattern!r}",
    # arguments
    "ARG-01": "{function}: {name} is {value!r}, and must be {wanted}",
    "ARG-02": "{function}: there is no {name} {value!r}",
    # use
    "USE-01": "{problem}",
    "USE-02": "{value} cannot be part of a tree's structure",
    "USE-03": "the array was donated and is gone",
    "USE-04": "index {index} is out of range for an axis of {extent}",
    # metrics
    "METRIC-01": "the best {k} of so few classes are all of them",
    # data
    "DATA-01": "{problem}",
    # files
    "FILE-01": "{path}: {problem}",
    # training
    "NAN-01": "{tensor} is not finite{step}",
}
