namespace Aperture.Text;

/// <summary>One message of a training conversation.</summary>
/// <param name="From">Who says it: <c>human</c> or <c>gpt</c>, as in the data files of LLaVA.</param>
/// <param name="Value">What is said.</param>
public sealed record TrainingMessage(string From, string Value)
{
    /// <summary>Whether the user says it.</summary>
    public bool IsUser => string.Equals(From, "human", StringComparison.OrdinalIgnoreCase);
}
