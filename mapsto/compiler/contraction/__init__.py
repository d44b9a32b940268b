"""One generator of tiles for every sum of products: matrix products, convolutions and their gradients.

A caller describes a contraction by its letters, asks for a `plan`, and has `write` put the loops into a kernel; what
becomes of a finished sum is the caller's.
"""

from mapsto.compiler.contraction.access import Operand as Operand
from mapsto.compiler.contraction.choose import plan as plan
from mapsto.compiler.contraction.cuts import Chunks as Chunks
from mapsto.compiler.contraction.cuts import chunks as chunks
from mapsto.compiler.contraction.letters import Contraction as Contraction
from mapsto.compiler.contraction.letters import Guard as Guard
from mapsto.compiler.contraction.letters import Letter as Letter
from mapsto.compiler.contraction.letters import product as product
from mapsto.compiler.contraction.nest import write as write
from mapsto.compiler.contraction.place import Place as Place
from mapsto.compiler.contraction.plans import Plan as Plan
