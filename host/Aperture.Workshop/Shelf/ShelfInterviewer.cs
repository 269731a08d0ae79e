using Aperture.Data;
using Aperture.Requests;
using static Aperture.Workshop.ShelfWords;

namespace Aperture.Workshop;

/// <summary>
/// Asks random questions about shelves. Wherever a shelf allows it, every answer of a type is about as likely as every other, so that guessing without
/// looking fails.
/// </summary>
public static class ShelfInterviewer
{
    private const int MostCounted = 4, Tries = 20;

    /// <summary>A random question of a type.</summary>
    /// <param name="scene">The shelf.</param>
    /// <param name="type">What to ask for.</param>
    /// <param name="random">Source of chance.</param>
    /// <returns>The question; null where this shelf has none of the type.</returns>
    public static ShelfQuestion? Ask(ShelfScene scene, ShelfQuestionType type, SeededRandom random)
    {
        (string Question, string Answer)? asked = type switch
        {
            ShelfQuestionType.WhatAt => WhatAt(scene, random),
            ShelfQuestionType.ColorAt => ColorAt(scene, random),
            ShelfQuestionType.IsAt => IsAt(scene, random),
            ShelfQuestionType.Where => Where(scene, random),
            ShelfQuestionType.ColorOf => ColorOf(scene, random),
            ShelfQuestionType.IsThere => IsThere(scene, random),
            ShelfQuestionType.CountKind => Count(scene, byKind: true, random),
            ShelfQuestionType.CountColor => Count(scene, byKind: false, random),
            ShelfQuestionType.LeftOf => Beside(scene, -1, random),
            ShelfQuestionType.RightOf => Beside(scene, 1, random),
            ShelfQuestionType.FindKind => Find(scene, byKind: true, random),
            ShelfQuestionType.FindColor => Find(scene, byKind: false, random),
            ShelfQuestionType.NumberAt => NumberAt(scene, random),
            ShelfQuestionType.NumberOf => NumberOf(scene, random),
            ShelfQuestionType.WhereNumber => WhereNumber(scene, random),
            _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not a type of question."),
        };
        return asked is var (question, answer) ? new ShelfQuestion(type, question, answer) : null;
    }

    private static (string, string)? WhatAt(ShelfScene scene, SeededRandom random)
    {
        int place = random.Chance(0.5) ? random.Below(Places) : random.Pick(scene.Occupied);
        return ($"What is in the {Place(place)}?", scene.Item(place));
    }

    private static (string, string)? ColorAt(ShelfScene scene, SeededRandom random)
    {
        int place = random.Pick(scene.Occupied);
        return ($"What color is the item in the {Place(place)}?", Colors[scene.Color(place)]);
    }

    private static (string, string)? IsAt(ShelfScene scene, SeededRandom random)
    {
        int place = random.Pick(scene.Occupied), kind = scene.Kind(place);
        if (random.Chance(0.5))
        {
            return ($"Is there a {Kinds[kind]} in the {Place(place)}?", YesOrNo(true));
        }

        // Most of the absent ones are kinds that stand elsewhere on the shelf; some are asked of empty places.
        if (random.Chance(0.25) && scene.Occupied.Count < Places)
        {
            place = random.Pick([.. Enumerable.Range(0, Places).Except(scene.Occupied)]);
        }

        int[] elsewhere = [.. scene.Occupied.Select(scene.Kind).Where(other => other != scene.Kind(place))];
        kind = elsewhere.Length > 0 && random.Chance(0.6) ? random.Pick(elsewhere)
            : random.Pick([.. Enumerable.Range(0, Kinds.Count).Where(other => other != scene.Kind(place))]);
        return ($"Is there a {Kinds[kind]} in the {Place(place)}?", YesOrNo(false));
    }

    private static (string, string)? Where(ShelfScene scene, SeededRandom random)
    {
        if (scene.Unique.Count == 0)
        {
            return null;
        }

        int place = random.Pick(scene.Unique);
        return ($"Where is the {scene.Item(place)}?", Place(place));
    }

    private static (string, string)? ColorOf(ShelfScene scene, SeededRandom random)
    {
        int[] alone = [.. scene.Occupied.Where(place => scene.Occupied.Count(other => scene.Kind(other) == scene.Kind(place)) == 1)];
        if (alone.Length == 0)
        {
            return null;
        }

        int chosen = random.Pick(alone);
        return ($"What color is the {Kinds[scene.Kind(chosen)]}?", Colors[scene.Color(chosen)]);
    }

    private static (string, string)? IsThere(ShelfScene scene, SeededRandom random)
    {
        if (random.Chance(0.5))
        {
            return ($"Is there a {scene.Item(random.Pick(scene.Occupied))}?", YesOrNo(true));
        }

        // Most of the absent ones join a kind and a colour that both are there, on different items.
        for (int i = 0; i < Tries; i++)
        {
            bool near = random.Chance(0.6);
            int kind = near ? scene.Kind(random.Pick(scene.Occupied)) : random.Below(Kinds.Count);
            int color = near ? scene.Color(random.Pick(scene.Occupied)) : random.Below(Colors.Count);
            if (!scene.Occupied.Any(place => scene.Kind(place) == kind && scene.Color(place) == color))
            {
                return ($"Is there a {Colors[color]} {Kinds[kind]}?", YesOrNo(false));
            }
        }

        return null;
    }

    private static (string, string)? Count(ShelfScene scene, bool byKind, SeededRandom random)
        => Choose(scene, byKind, random) is var (subject, places) ? ($"How many {subject} are there?", Numbers[places.Length]) : null;

    private static (string, string)? Find(ShelfScene scene, bool byKind, SeededRandom random)
    {
        if (Choose(scene, byKind, random) is not var (subject, places) || (places.Length == 0 && random.Chance(0.6)))
        {
            return null;
        }

        return ($"Where are the {subject}?", places.Length == 0 ? "nowhere" : string.Join(", ", places.Select(Place)));
    }

    private static (string, string)? Beside(ShelfScene scene, int step, SeededRandom random)
    {
        int[] inner = [.. scene.Unique.Where(place => (place % Side) + step is >= 0 and < Side)];
        int[] beside = [.. inner.Where(place => scene.Kind(place + step) >= 0)];
        if (inner.Length == 0)
        {
            return null;
        }

        int chosen = random.Pick(beside.Length > 0 && random.Chance(0.6) ? beside : inner);
        return ($"What is {(step < 0 ? "left" : "right")} of the {scene.Item(chosen)}?", scene.Item(chosen + step));
    }

    // A kind or colour: half of the time any that fits, half of the time one of a random count, because large counts are rare.
    private static (string Subject, int[] Places)? Choose(ShelfScene scene, bool byKind, SeededRandom random)
    {
        int[][] places = [.. Enumerable.Range(0, byKind ? Kinds.Count : Colors.Count)
            .Select(value => scene.Occupied.Where(place => (byKind ? scene.Kind(place) : scene.Color(place)) == value).ToArray())];
        int[] possible = [.. Enumerable.Range(0, places.Length).Where(value => places[value].Length <= MostCounted)];
        int[] chosen;
        if (random.Chance(0.5))
        {
            int[] counts = [.. possible.Select(value => places[value].Length).Distinct().Order()];
            int count = counts.Length == 0 ? 0 : random.Pick(counts);
            chosen = [.. possible.Where(value => places[value].Length == count)];
        }
        else
        {
            chosen = [.. possible.Where(value => places[value].Length > 0 || random.Chance(0.2))];
        }

        if (chosen.Length == 0)
        {
            return null;
        }

        int subject = random.Pick(chosen);
        return (byKind ? Plural(subject) : $"{Colors[subject]} items", places[subject]);
    }

    private static (string, string)? NumberAt(ShelfScene scene, SeededRandom random)
    {
        int[] labelled = Labelled(scene, scene.Occupied);
        if (labelled.Length == 0)
        {
            return null;
        }

        int place = random.Pick(labelled);
        return ($"What number is on the item in the {Place(place)}?", Numbers[scene.Number(place)]);
    }

    private static (string, string)? NumberOf(ShelfScene scene, SeededRandom random)
    {
        int[] labelled = Labelled(scene, scene.Unique);
        if (labelled.Length == 0)
        {
            return null;
        }

        int place = random.Pick(labelled);
        return ($"What number is on the {scene.Item(place)}?", Numbers[scene.Number(place)]);
    }

    // No two labels of a shelf bear the same number.
    private static (string, string)? WhereNumber(ShelfScene scene, SeededRandom random)
    {
        int[] labelled = Labelled(scene, scene.Occupied);
        if (labelled.Length == 0)
        {
            return null;
        }

        int place = random.Pick(labelled);
        return ($"Where is the number {Numbers[scene.Number(place)]}?", Place(place));
    }

    private static int[] Labelled(ShelfScene scene, IEnumerable<int> places) => [.. places.Where(place => scene.Number(place) >= 0)];

    private static string YesOrNo(bool value) => value ? "yes" : "no";
}
