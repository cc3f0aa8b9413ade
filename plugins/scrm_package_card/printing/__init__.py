"""Print-ready cards (印刷): faces with QR codes on sheets, as PDF.

Nothing here reads or writes the database. The libraries of the extra ``cards``
are imported when something is printed.
"""

from .production import PrintSummary, write_production
from .proof import write_proof
from .qr import QrPlan, plan_qr
from .sheets import Imposition, Sheet, impose
from .spec import Bilingual, CardFace, CardSpec, CardText, Fonts, PrintFacts

__all__ = [
    "Bilingual",
    "CardFace",
    "CardSpec",
    "CardText",
    "Fonts",
    "Imposition",
    "PrintFacts",
    "PrintSummary",
    "QrPlan",
    "Sheet",
    "impose",
    "plan_qr",
    "write_production",
    "write_proof",
]
