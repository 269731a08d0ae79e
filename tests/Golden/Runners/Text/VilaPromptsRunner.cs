namespace Aperture.Golden.Tests.Text;

/// <summary>VILA's prompts.</summary>
public sealed class VilaPromptsRunner : PromptsRunner
{
    public override string Area => "vila";
}
