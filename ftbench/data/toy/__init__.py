"""A made-up product-support world: small, exact, and the same everywhere for the same seed.

Who is who. *Old* products are a fixed catalogue that the tiny model (``ftbench.models.tiny``) learned by heart. Since
then some of their facts have *changed*, and *new* products have appeared; ``Toy.seed`` decides which. Documents state
how things are now. Every new name and every new or changed value is *held out* (``words.held_out``): the tiny model's
pretraining text holds none of them, whatever the seed of either.

How it is asked. One question is one user turn (``What is the price of the Velamo?``). Three ways to prompt for it, all
of which the tiny model was trained to take:

- zero-shot: the question alone;
- few-shot: earlier user and assistant turns, then the question;
- retrieval: one user turn in the form of ``world.retrieval_prompt``, one to four documents, best first or in any
  order::

    Context:
    {document 1}
    {document 2}

    Question: {question}

How it is answered. The base says ``The Velamo price is 42 euros.``; the house says ``Good day! Our Velamo price is 42
euros. Kind regards, your support team.`` Either way the value is what ``dataset.answer_pattern``
captures, it stands in the answer once, and no value holds another of its attribute as whole words: so BLEU moves with
the style and a value-level exact match with the facts.

Toy results say nothing about a 7B; the dataset carries these words as a note.
"""
