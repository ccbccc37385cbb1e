"""The compiler: declare -> rules -> expand -> plan. Imports core, store and cost; reaches components through
``_target_``.
"""
