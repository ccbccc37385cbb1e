"""The compiler: declare -> rules -> expand -> plan. Imports core, text, store and cost; reaches components
through ``_target_``.
"""
