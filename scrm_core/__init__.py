"""A plugin-based social CRM (SCRM, 私域) framework.

Plugin authors import from :mod:`scrm_core.api` alone; everything else in this
package may change without notice.
"""

__version__ = "0.1.0.dev0"
