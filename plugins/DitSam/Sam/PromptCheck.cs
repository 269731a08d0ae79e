using Aperture.Tasks;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>Refuses prompts that a model does not take.</summary>
internal static class PromptCheck
{
    /// <summary>Fails where a prompt is empty or of another kind.</summary>
    /// <exception cref="ApertureException">One is.</exception>
    public static void Kinds(string name, SegmentPromptKinds taken, IReadOnlyList<SegmentPrompt> prompts)
    {
        ArgumentOutOfRangeException.ThrowIfZero(prompts.Count);
        foreach (SegmentPrompt prompt in prompts)
        {
            if (prompt.Kinds == SegmentPromptKinds.None || (prompt.Text is { } text && string.IsNullOrWhiteSpace(text)))
            {
                throw new ApertureException($"{name}: the prompt is empty; give it {taken}.");
            }

            if ((prompt.Kinds & ~taken) is not SegmentPromptKinds.None and SegmentPromptKinds other)
            {
                string hint = other.HasFlag(SegmentPromptKinds.Text) ? " For sentences open a DIT checkpoint." : "";
                throw new ApertureException($"{name}: this model takes no {other} for a prompt; it takes {taken}.{hint}");
            }
        }
    }
}
