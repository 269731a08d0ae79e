namespace Aperture.Plugins.Eas.Meter;

/// <summary>Which attention sub-layers of the cross-modal layers are skipped, by layer.</summary>
/// <param name="TextSelf">Self-attention of the text.</param>
/// <param name="TextCross">Attention of the text to the picture.</param>
/// <param name="ImageSelf">Self-attention of the picture.</param>
/// <param name="ImageCross">Attention of the picture to the text.</param>
internal sealed record MeterPlan(bool[] TextSelf, bool[] TextCross, bool[] ImageSelf, bool[] ImageCross)
{
    /// <summary>Kinds of sub-layers.</summary>
    public const int Kinds = 4;

    /// <summary>Number of sub-layers skipped.</summary>
    public int Skipped => new[] { TextSelf, TextCross, ImageSelf, ImageCross }.Sum(kind => kind.Count(skipped => skipped));

    /// <summary>Whether none is skipped.</summary>
    public bool IsEmpty => Skipped == 0;

    /// <summary>
    /// The plan for a list of arms. With n layers, arms 0 to n - 1 are the text's self-attention, then follow the text's cross-attention, the picture's
    /// self-attention, and the picture's cross-attention; the published code takes the last group for the picture's self-attention once more.
    /// </summary>
    /// <param name="arms">The arms, 0 to 4 n - 1.</param>
    /// <param name="layers">n.</param>
    /// <param name="legacyArmMap">Whether to follow the published code.</param>
    /// <exception cref="ApertureException">An arm is out of range or stands twice.</exception>
    public static MeterPlan FromArms(IReadOnlyList<int> arms, int layers, bool legacyArmMap)
    {
        MeterPlan plan = new(new bool[layers], new bool[layers], new bool[layers], new bool[layers]);
        bool[][] kinds = [plan.TextSelf, plan.TextCross, plan.ImageSelf, legacyArmMap ? plan.ImageSelf : plan.ImageCross];
        HashSet<int> seen = [];
        foreach (int arm in arms)
        {
            if (arm < 0 || arm >= Kinds * layers)
            {
                throw new ApertureException($"METER: there is no attention {arm} to skip; with {layers} layers they are numbered 0 to {(Kinds * layers) - 1}.");
            }

            if (!seen.Add(arm))
            {
                throw new ApertureException($"METER: attention {arm} stands twice in the list of those to skip; name each once.");
            }

            kinds[arm / layers][arm % layers] = true;
        }

        return plan;
    }
}
